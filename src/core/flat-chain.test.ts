// The flat state of a whole chain against its tries, over contracts that come, go and come back.
import { Clique } from "#consensus/clique";
import { stateReader } from "#core/state";
import { type Block, create2Address, createAddress, type Header } from "#core/types";
import { memoryStore } from "#ethdb";
import { bigintToBytes, concatBytes, numberToBytes, toHex } from "#util";
import { describe, expect, test } from "vitest";
import { type SealedWorld, sealedWorld } from "../../test/kit/chains.ts";
import { assemble } from "../../test/kit/contract.ts";
import { BlockChain } from "./block-chain.ts";
import type { GcMode } from "./state-store.ts";
import { verifyChain } from "./verify.ts";

const word = (value: number) => bigintToBytes(BigInt(value), 32);
const SLOTS = [0, 1, 2];

/** Init code of a contract. */
function deployerOf(code: Uint8Array): Uint8Array {
  const length = toHex(numberToBytes(code.length, 2));
  const copy = (from: number) => assemble(`${length} ${from} 0 CODECOPY ${length} 0 RETURN`);
  return concatBytes(copy(copy(0xff).length), code);
}

/** Called with (slot, value) it writes; called with nothing it destroys itself. */
const mortal = deployerOf(
  assemble("CALLDATASIZE @set JUMPI 0xbb SELFDESTRUCT :set 32 CALLDATALOAD 0 CALLDATALOAD SSTORE STOP"),
);
const words = Array.from({ length: Math.ceil(mortal.length / 32) }, (_, i) => {
  const padded = new Uint8Array(32);
  padded.set(mortal.subarray(i * 32, i * 32 + 32));
  return `${toHex(padded)} ${i * 32} MSTORE`;
});
/** Makes the mortal contract, at the same address each time. */
const factory = deployerOf(assemble(`${words.join(" ")} 0 ${mortal.length} 0 0 CREATE2 STOP`));

interface Scene {
  readonly world: SealedWorld;
  readonly address: Uint8Array;
  readonly make: () => Promise<Block>;
  readonly set: (slot: number, value: number) => Promise<Block>;
  readonly destroy: () => Promise<Block>;
}

async function scene(): Promise<Scene> {
  const world = sealedWorld({ forks: "london" });
  const { chain, maker, users } = world;
  const [first] = users;
  if (first === undefined) throw new RangeError("no users");
  const factoryAddress = createAddress(first.address, 0n);
  const address = create2Address(factoryAddress, word(0), mortal);
  const send = (to: Uint8Array | undefined, input: Uint8Array) =>
    world.seal(chain.head, [maker.send(0, to, 500_000n, 0n, input)]);
  await send(undefined, factory);
  return {
    world,
    address,
    make: () => send(factoryAddress, new Uint8Array(0)),
    set: (slot, value) => send(address, concatBytes(word(slot), word(value))),
    destroy: () => send(address, new Uint8Array(0)),
  };
}

/** What the head's state says, once flat and once by its trie. */
async function both(chain: BlockChain, address: Uint8Array) {
  const flat = chain.state(chain.head);
  const trie = stateReader(chain.nodes, chain.codes, chain.head.stateRoot);
  const slotsOf = async (reader: typeof flat) => {
    const values: (string | bigint | undefined)[] = [(await reader.account(address))?.nonce];
    for (const slot of SLOTS) values.push(toHex(await reader.storage(address, word(slot))));
    return values;
  };
  return { flat: await slotsOf(flat), trie: await slotsOf(trie) };
}

describe.each<GcMode>(["archive", "full"])("the flat state, %s", (gcMode) => {
  test.each([false, true])(
    "EX-02 slots of a contract that destroyed itself are gone when it is made anew (written in between: %s)",
    async (isWritten) => {
      const { world, address, make, set, destroy } = await scene();
      const { clique } = world.spec.config;
      if (clique === undefined) throw new TypeError("no clique chain");
      const clock = {
        unixSeconds: () => world.spec.timestamp + 1_000_000,
        now: () => 0,
        sleep: async () => {},
      };
      const db = memoryStore();
      const engine = () => new Clique(clique, memoryStore());
      const chain = new BlockChain({ db, genesis: world.spec, engine: engine(), clock, gcMode });
      const follow = async () => {
        let at: Header = world.chain.head;
        const way: Block[] = [];
        for (; !chain.headers.has(at.hash); at = world.chain.headerByHash(at.parentHash) ?? at)
          way.unshift(world.chain.block(at) ?? { header: at, transactions: [], uncles: [] });
        await chain.insertBlocks(way);
        if (isWritten) await chain.persist();
        const { flat, trie } = await both(chain, address);
        expect(flat).toEqual(trie);
        return flat;
      };
      await make();
      await set(0, 7);
      await set(1, 8);
      expect(await follow()).toEqual([1n, "0x07", "0x08", "0x"]);
      await destroy();
      expect(await follow()).toEqual([undefined, "0x", "0x", "0x"]);
      await make();
      await set(2, 9);
      expect(await follow()).toEqual([1n, "0x", "0x", "0x09"]);
      await chain.setHead(world.chain.head.number - 3); // before it was destroyed
      const back = await both(chain, address);
      expect(back.flat).toEqual([1n, "0x07", "0x08", "0x"]);
      expect(back.flat).toEqual(back.trie);
      await chain.persist();
      expect((await verifyChain({ db, engine, clock })).findings).toEqual([]);
    },
  );
});
