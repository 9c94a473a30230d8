import { everyPromiseIsKept } from './seeds.ts';

everyPromiseIsKept(1, 250);
