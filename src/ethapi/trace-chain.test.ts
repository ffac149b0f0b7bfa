import type { Header } from "#core/types";
import { SimulatedClock } from "#host/sim";
import type { CallContext } from "#rpc";
import { expect, test } from "vitest";
import type { Parts } from "./parts.ts";
import { BLOCKS_PER_TURN, traceChainSubscription } from "./trace-chain.ts";
import type { Tracing } from "./tracing.ts";

test("RP-12 debug_traceChain lets others run while it passes blocks without transactions", async () => {
  let passed = 0;
  const backend = {
    head: () => ({ number: 10 * BLOCKS_PER_TURN }) as Header,
    headerByNumber: (number: number) => ({ number }) as Header,
    body: async () => ({ transactions: [], uncles: [] as Header[], withdrawals: undefined, at: passed++ }),
  };
  // as: it asks for no more of these, and traces nothing
  const parts = { backend, clock: new SimulatedClock() } as unknown as Parts;
  const subscription = traceChainSubscription(parts, {} as Tracing);
  const leaving = new AbortController();
  const items = subscription.open(["earliest", "latest"], { signal: leaving.signal } as CallContext);
  const first = items[Symbol.asyncIterator]().next();
  for (let turn = 0; turn < 20 * BLOCKS_PER_TURN; turn++) await Promise.resolve(); // time stands still
  expect(passed).toBe(BLOCKS_PER_TURN);
  leaving.abort(new Error("gone"));
  await expect(first).rejects.toThrow();
});
