import { everyPromiseIsKept } from './seeds.ts';

everyPromiseIsKept(751, 1000);
