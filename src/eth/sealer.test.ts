import { Clique } from "#consensus/clique";
import { BlockChain } from "#core";
import { TxPool } from "#core/txpool";
import { type Block, emptyCodeHash } from "#core/types";
import { memoryStore } from "#ethdb";
import { seededRand, SimulatedClock } from "#host/sim";
import { silentLogger } from "#log";
import { rulesAt } from "#params";
import { emptyRoot } from "#trie";
import { afterEach, expect, test } from "vitest";
import { sealedWorld } from "../../test/kit/chains.ts";
import { until } from "../../test/kit/until.ts";
import { Sealer, type SealerOptions } from "./sealer.ts";

const { spec, signer } = sealedWorld({ forks: "london" });
const sealers: Sealer[] = [];
afterEach(async () => {
  for (const sealer of sealers.splice(0)) await sealer.stop();
});

/** A sealer of one block a second, whose clock stands until it is moved. */
function sealing(more: Partial<SealerOptions> = {}) {
  const clock = new SimulatedClock(spec.timestamp + 1000);
  const db = memoryStore();
  const engine = new Clique(spec.config.clique ?? { period: 0, epoch: 0 }, db);
  const chain = new BlockChain({ db, genesis: spec, engine, clock });
  const nobody = { nonce: 0n, balance: 0n, storageRoot: emptyRoot, codeHash: emptyCodeHash };
  const head = () => ({
    gasLimit: chain.head.gasLimit,
    rules: rulesAt(spec.config, chain.head),
    account: () => nobody,
  });
  const errors: unknown[] = [];
  const log = Object.create(silentLogger) as typeof silentLogger; // as: it is one, with another `error`
  Object.assign(log, { error: (_message: string, fields: { error: unknown }) => errors.push(fields.error) });
  const pool = new TxPool({ head, clock, log });
  const host = { clock, rand: seededRand(1) };
  const sealer = new Sealer({ chain, pool, signer, period: 1, host, log, ...more });
  sealers.push(sealer);
  sealer.start();
  const second = () => clock.advance(1000);
  return { chain, sealer, errors, second };
}

test("JS-01 a signer that throws what nobody foresaw costs one attempt: it is logged, and the next block is sealed", async () => {
  let fails = true;
  const broken = new TypeError("the card was pulled out");
  const { chain, errors, second } = sealing({
    signer: {
      address: signer.address,
      sign(hash) {
        if (fails) throw broken;
        return signer.sign(hash);
      },
    },
  });
  await second();
  await until("the failure", () => errors.length > 0);
  expect(errors).toEqual([broken]);
  expect(chain.head.number).toBe(0);
  fails = false;
  await until("a block", async () => {
    await second();
    return chain.head.number > 0;
  });
});

test("JS-01 so does who is told of a block: the block stands, and sealing goes on", async () => {
  const told: number[] = [];
  const onSealed = ({ header }: Block) => {
    told.push(header.number);
    if (header.number === 1) throw new RangeError("the listener");
  };
  const { chain, errors, second } = sealing({ onSealed });
  await until("two blocks", async () => {
    await second();
    return told.includes(2);
  });
  expect(chain.head.number).toBeGreaterThanOrEqual(2);
  expect(errors).toEqual([expect.objectContaining({ message: "the listener" })]);
});
