import type { Slice, Turns } from "#host";
import type { Job } from "./connection.ts";
import { rpcCodes } from "./errors.ts";
import type { RpcLimits } from "./limits.ts";
import { errorText } from "./message.ts";

const failure = (id: string, message: string) => errorText(id, { code: rpcCodes.invalidRequest, message });

/**
 * Runs a batch: in order, neighbours that allow it at once; replies in request order, none for notifications. Past the
 * reply cap the rest gets −32003 and is not run. An empty batch is an error, a batch of notifications no reply. It gives way to
 * the rest of the process now and then: most answers wait for nothing (RP-07, RP-19).
 */
export function runBatch(
  items: readonly unknown[],
  jobOf: (item: unknown) => Job,
  limits: RpcLimits,
  turns: Pick<Turns, "slice">,
): string | Promise<string | undefined> {
  if (items.length === 0) return failure("null", "empty batch");
  if (items.length > limits.batchItems) return `[${failure(firstCallId(items, jobOf), "batch too large")}]`;
  return runAll(items.map(jobOf), limits, turns.slice());
}

/** The reply to an oversized batch carries the id of its first call, as geth's does. */
function firstCallId(items: readonly unknown[], jobOf: (item: unknown) => Job): string {
  for (const item of items) {
    const { id } = jobOf(item);
    if (id !== undefined && id !== "null") return id;
  }
  return "null";
}

async function runAll(jobs: readonly Job[], limits: RpcLimits, slice: Slice): Promise<string | undefined> {
  const replies = new Array<string | undefined>(jobs.length);
  const running = new Set<Promise<void>>();
  let size = 0;
  for (const [index, job] of jobs.entries()) {
    if (slice.isOver) await slice.rest();
    if (!job.isConcurrent && running.size > 0) await Promise.all(running);
    if (size > limits.replyBytes) {
      replies[index] = tooLarge(job);
      continue;
    }
    const reply = job.run();
    if (!(reply instanceof Promise)) {
      replies[index] = reply;
      size += reply?.length ?? 0;
      continue;
    }
    const task: Promise<void> = reply.then((text) => {
      replies[index] = text;
      size += text?.length ?? 0;
      running.delete(task);
    });
    running.add(task);
    if (!job.isConcurrent) await task;
    else if (running.size >= limits.batchAtOnce) await Promise.race(running);
  }
  await Promise.all(running);
  return joinReplies(jobs, replies, limits.replyBytes);
}

function joinReplies(
  jobs: readonly Job[],
  replies: readonly (string | undefined)[],
  maxBytes: number,
): string | undefined {
  const kept: string[] = [];
  let size = 0;
  for (const [index, job] of jobs.entries()) {
    const reply = replies[index];
    if (reply === undefined) continue;
    size += Buffer.byteLength(reply) + 1;
    kept.push(size > maxBytes ? (tooLarge(job) ?? reply) : reply);
  }
  return kept.length === 0 ? undefined : `[${kept.join(",")}]`;
}

function tooLarge({ id }: Job): string | undefined {
  return id === undefined
    ? undefined
    : errorText(id, { code: rpcCodes.tooLarge, message: "response too large" });
}
