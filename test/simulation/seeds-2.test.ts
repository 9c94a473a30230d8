import { everyPromiseIsKept } from './seeds.ts';

everyPromiseIsKept(251, 500);
