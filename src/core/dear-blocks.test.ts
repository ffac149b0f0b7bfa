// EX: blocks whose precompiles take long. Their work goes to a thread, and what becomes of the thread changes nothing.
import { Clique } from "#consensus/clique";
import { createAddress } from "#core/types";
import type { PrecompileRunner } from "#core/vm";
import { memoryStore } from "#ethdb";
import { concatBytes, numberToBytes, toHex } from "#util";
import { expect, test } from "vitest";
import { sealedWorld } from "../../test/kit/chains.ts";
import { assemble } from "../../test/kit/contract.ts";
import { BlockChain } from "./block-chain.ts";

/** 60,000 rounds of BLAKE2F, 30 ms or so, by a contract's constructor; whether it worked is stored. */
const rounds = toHex(concatBytes(numberToBytes(60_000, 4), new Uint8Array(28)));
const dear = assemble(`${rounds} 0 MSTORE 0 0 213 0 0 9 GAS CALL 0 SSTORE STOP`);

async function imported(precompiles: PrecompileRunner | undefined): Promise<string> {
  const world = sealedWorld({ forks: "london" });
  const [user] = world.users;
  if (user === undefined) throw new RangeError("no users");
  const block = await world.seal(world.chain.head, [world.maker.send(0, undefined, 500_000n, 0n, dear)]);
  const { clique } = world.spec.config;
  if (clique === undefined) throw new RangeError("no clique chain");
  const db = memoryStore();
  const chain = new BlockChain({
    db,
    genesis: world.spec,
    engine: new Clique(clique, db),
    clock: { unixSeconds: () => world.spec.timestamp + 1000, now: () => 0, sleep: async () => {} },
    precompiles,
  });
  await chain.insertBlocks([block]);
  expect(chain.head.hash).toEqual(block.header.hash);
  const done = await chain.state(chain.head).storage(createAddress(user.address, 0n), new Uint8Array(32));
  expect(toHex(done)).toBe("0x01");
  return toHex(chain.head.stateRoot);
}

test("a block's dear precompile is done elsewhere, with no limit of time; if that falls, in place", async () => {
  const asked: number[] = [];
  const elsewhere: PrecompileRunner = {
    run: (job, { timeLeftMs }) => {
      asked.push(job.precompile, timeLeftMs);
      return Promise.resolve({ returnValue: new Uint8Array(64), gasUsed: 60_000n }); // a gas a round
    },
  };
  const falling: PrecompileRunner = { run: () => Promise.reject(new Error("it fell")) };
  const absent: PrecompileRunner = { run: () => undefined };
  const root = await imported(undefined);
  expect(await imported(elsewhere)).toBe(root);
  expect(asked).toEqual([9, Number.POSITIVE_INFINITY]);
  expect(await imported(falling)).toBe(root);
  expect(await imported(absent)).toBe(root);
});
