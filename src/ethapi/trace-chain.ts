/** debug_subscribe traceChain: every block of a range, one notification each (eth/tracers/api.go TraceChain@v1.17.5). */
import {
  type BlockTag,
  blockTag,
  type CallContext,
  json,
  optional,
  subscription,
  type Subscription,
} from "#rpc";
import { toHex } from "#util";
import { EthApiError } from "./errors.ts";
import { quantityHex } from "./format.ts";
import type { Parts } from "./parts.ts";
import { refuse, type TraceConfig, traceConfig, type Tracing } from "./tracing.ts";

/** Blocks of one subscription. */
const MAX_BLOCKS = 100_000;
/** Blocks without transactions that are passed before others are let run. */
export const BLOCKS_PER_TURN = 256;

export function traceChainSubscription({ backend, clock }: Parts, tracing: Tracing): Subscription {
  const numberOf = (tag: BlockTag): number => {
    const head = backend.head().number;
    const number = typeof tag === "number" ? tag : tag === "earliest" ? 0 : head;
    if (number > head) throw refuse(`block #${number} not found`);
    return number;
  };

  async function* traces(start: number, end: number, config: TraceConfig | undefined, ctx: CallContext) {
    for (let number = start + 1; number <= end; number++) {
      ctx.signal.throwIfAborted();
      const header = await backend.headerByNumber(number, ctx);
      if (header === undefined) throw refuse(`block #${number} not found`);
      const body = await backend.body(header, ctx);
      // blocks without transactions are left out, but for the last one, which says that it is over
      if (body.transactions.length === 0 && number !== end) {
        if (number % BLOCKS_PER_TURN === 0) await clock.sleep(0, { signal: ctx.signal });
        continue;
      }
      const results = await tracing.traceBlock({ header, body }, config, ctx);
      yield { block: quantityHex(number), hash: toHex(header.hash), traces: results };
      await clock.sleep(0, { signal: ctx.signal });
    }
  }

  return subscription({
    doc: "Traces of every transaction after one block, up to another: {block, hash, traces}, for each block that has some.",
    params: [blockTag, blockTag, optional(traceConfig)],
    item: json,
    isHeavy: true,
    open: ([from, to, config], ctx) => {
      const [start, end] = [numberOf(from), numberOf(to)];
      if (start >= end)
        throw EthApiError("INVALID", {
          reason: `end block (#${end}) needs to come after start block (#${start})`,
        });
      if (end - start > MAX_BLOCKS)
        throw EthApiError("TOO_MUCH", { what: "blocks to trace", got: end - start, max: MAX_BLOCKS });
      return traces(start, end, config, ctx);
    },
  });
}
