import type { Account } from "#core/vm";
import { emptyCodeHash, type Header } from "#core/types";
import { SimulatedClock } from "#host/sim";
import { emptyRoot } from "#trie";
import { numberToBytes } from "#util";
import { expect, test } from "vitest";
import type { CallContext } from "./backend.ts";
import type { ChainControl } from "./controls.ts";
import { ROWS_PER_TURN, StateWalk } from "./state-walk.ts";

const nobody: Account = { nonce: 0n, balance: 1n, storageRoot: emptyRoot, codeHash: emptyCodeHash };

test("RP-12 a dump lets others run while it passes accounts whose address is not known, and ends with its caller", async () => {
  let passed = 0;
  const chain = {
    *accounts() {
      for (; passed < 10 * ROWS_PER_TURN; passed++) yield { key: numberToBytes(passed, 32), account: nobody };
    },
    preimage: () => undefined,
  } satisfies Partial<ChainControl>;
  const clock = new SimulatedClock();
  const leaving = new AbortController();
  const ctx = { signal: leaving.signal } satisfies Partial<CallContext>;
  // as: the walk asks for no more of either
  const walk = new StateWalk(chain as unknown as ChainControl, { clock }, ctx as unknown as CallContext);
  const dump = walk.dump({ stateRoot: emptyRoot } as Header, { max: 256, onlyNamed: true });
  for (let turn = 0; turn < 2 * ROWS_PER_TURN; turn++) await Promise.resolve(); // time stands still
  leaving.abort(new Error("gone"));
  await expect(dump).rejects.toThrow();
  expect(passed).toBe(ROWS_PER_TURN - 1);
});
