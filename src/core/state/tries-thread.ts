// The thread of TriesThread: a state's new tries, and roots of long lists. It asks for the nodes that it needs; one job at a time.
import { parentPort } from "node:worker_threads";
import { orderedRoot } from "#trie";
import { PackedList } from "./packed-list.ts";
import { HASH, packUpdate, type TriesAnswer, type TriesQuestion, unpackDiff } from "./tries-job.ts";
import { applyElsewhere } from "./tries-work.ts";

/** Hashes in one message: what comes back is about half a megabyte. */
const AT_ONCE = 1024;

/** Waits for nodes. */
let resolveNodes: ((nodes: Uint8Array) => void) | undefined;

function say(answer: TriesAnswer, ...handedOver: Uint8Array[]): void {
  parentPort?.postMessage(
    answer,
    handedOver.map(({ buffer }) => buffer as ArrayBuffer), // made here, so it is no shared memory
  );
}

async function fetchSome(hashes: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
  const joined = new Uint8Array(hashes.length * HASH);
  for (const [i, hash] of hashes.entries()) joined.set(hash, i * HASH);
  const nodes = await new Promise<Uint8Array>((resolve) => {
    resolveNodes = resolve;
    say({ kind: "need", hashes: joined }, joined);
  });
  return new PackedList(nodes).rest().map((node) => (node.length === 0 ? undefined : node));
}

async function fetch(hashes: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
  const all: (Uint8Array | undefined)[] = [];
  for (let from = 0; from < hashes.length; from += AT_ONCE)
    all.push(...(await fetchSome(hashes.slice(from, from + AT_ONCE))));
  return all;
}

async function answer(question: Exclude<TriesQuestion, { kind: "nodes" }>): Promise<void> {
  if (question.kind === "list") {
    say({ kind: "root", root: orderedRoot(new PackedList(question.items).rest()) });
    return;
  }
  const update = packUpdate(await applyElsewhere(question.root, unpackDiff(question.rows), fetch));
  say({ kind: "updated", update }, update.nodes, update.keys);
}

parentPort?.on("message", (question: TriesQuestion) => {
  if (question.kind === "nodes") resolveNodes?.(question.nodes);
  else void answer(question).catch(() => say({ kind: "fault" }));
});
