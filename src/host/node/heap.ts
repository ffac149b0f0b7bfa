import { setFlagsFromString } from "node:v8";

/**
 * How far the heap of this process grows over what is alive before all of it is collected, percent (Go's GOGC). V8's own
 * factor is up to four, meant for heaps of gigabytes: a node whose heap is 30 MB would let 90 of garbage stand. For the
 * whole process, so it is for programs to call, not for libraries.
 */
export function setHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
