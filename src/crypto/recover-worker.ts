// A thread of `recoverAddresses`: questions in, addresses out, one message for one. It ends when nothing has been asked for a while.
import { setTimeout as later } from "node:timers";
import { parentPort } from "node:worker_threads";
import { addressesOf } from "./addresses.ts";

/** Ends a thread that holds some 15 MB for nothing. */
const IDLE_MS = 5_000;

let idle: NodeJS.Timeout | undefined;

parentPort?.on("message", ({ id, questions }: { id: number; questions: Uint8Array<ArrayBuffer> }) => {
  clearTimeout(idle);
  const addresses = addressesOf(questions);
  parentPort?.postMessage({ id, addresses }, [addresses.buffer]);
  idle = later(() => parentPort?.close(), IDLE_MS);
});
