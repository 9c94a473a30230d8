import { everyPromiseIsKept } from './seeds.ts';

everyPromiseIsKept(501, 750);
