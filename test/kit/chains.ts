// Chains of our own, sealed under clique and filled by transactions: the state that interop tests and benches read.
// Same options, same bytes; a chain once made is kept in the cache folder.
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync } from "node:fs";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { BlockChain, exportChain, readBlocks } from "#core";
import { Clique, keySigner } from "#consensus/clique";
import type { Signer } from "#consensus";
import {
  type Block,
  createAddress,
  encodeBlock,
  type Header,
  signTransaction,
  type Transaction,
  type TransactionFields,
} from "#core/types";
import { addressOf, keccak256, type PrivateKey, publicKeyOf } from "#crypto";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { devForks, devGenesis, formatGenesis, type Genesis, type GenesisAccount } from "#params";
import { bigintToBytes, concatBytes, fromHex, numberToBytes, toHex, utf8Encode } from "#util";
import { namedKey } from "./clique.ts";
import { cacheFolder, type GenesisJson, minerKey } from "./geth.ts";

/** Raise it when the same options make other bytes. */
const version = 1;

/** 32 bytes i in: returns slot i, which is i + 1 once filled. 64 bytes (i, n) in: fills slots i … i+n-1 and as many accounts. */
export const stateContract = fromHex("0xc0de000000000000000000000000000000000001");
/** 64 bytes (id, value) in: logs Ping(caller, id, value) and counts in slot 0. */
export const eventContract = fromHex("0xc0de000000000000000000000000000000000002");
/** Always reverts with Error("no luck"). */
export const revertContract = fromHex("0xc0de000000000000000000000000000000000003");
/** topic 0 of the event: Ping(address indexed from, uint256 indexed id, uint256 value). */
export const pingTopic = keccak256(utf8Encode("Ping(address,uint256,uint256)"));

const word = (value: number | bigint) => bigintToBytes(BigInt(value), 32);
const stateCode = fromHex(
  "0x36602014603e576000356020355b8015603c57816000526000600060006000600160206000206000f150816001018255600190039060010190600d565b005b6000355460005260206000f3",
);
const eventCode = concatBytes(
  fromHex("0x602035600052600035337f"), // mem[0] = value; topics: id, caller
  pingTopic,
  fromHex("0x60206000a360005460010160005500"), // log3; slot 0 += 1
);
const revertData = concatBytes(
  fromHex("0x08c379a0"),
  word(32),
  word(7),
  utf8Encode("no luck"),
  new Uint8Array(25),
);
const revertCode = concatBytes(fromHex(`0x6064600c60003960646000fd`), revertData);
/** Init code that deploys the event contract. */
export const eventInitCode = concatBytes(
  fromHex("0x60"),
  numberToBytes(eventCode.length),
  fromHex("0x600c60003960"),
  numberToBytes(eventCode.length),
  fromHex("0x6000f3"),
  eventCode,
);

export interface SealedChainOptions {
  /** Blocks after the genesis. */
  readonly blocks: number;
  /** Accounts and slots filled in the first blocks, 1,000 a transaction. Default 1,000. */
  readonly accounts?: number | undefined;
  /**
   * Rules from block 0: petersburg (default; geth 1.8 knows them), istanbul (geth 1.9.25 too), or london (1.11.6),
   * where transactions of types 1 and 2 occur.
   */
  readonly forks?: "petersburg" | "istanbul" | "london" | undefined;
  /** Key that seals, also funded. Default: `minerKey` of geth.ts. */
  readonly key?: PrivateKey | undefined;
  readonly seed?: number | undefined;
  /** Unix seconds of the genesis; a block each second after. Default 2019. */
  readonly genesisTime?: number | undefined;
  /** A second chain that leaves the first after block `from` and is `blocks` long. Heavier if it ends higher. */
  readonly branch?: { readonly from: number; readonly blocks: number } | undefined;
  /** Ordinary transactions a block. Default 3. */
  readonly transactions?: number | undefined;
}

/** A chain in a file, and what one must know to ask about it or to go on with it. Fits `ServedChain`. */
export interface SealedChain {
  readonly genesis: GenesisJson;
  readonly spec: Genesis;
  /** geth's export format, without the genesis. */
  readonly file: string;
  /** The blocks of the branch alone, from `branch.from` + 1. */
  readonly branchFile: string | undefined;
  readonly head: number;
  readonly key: PrivateKey;
  readonly signer: Signer;
  /** Funded accounts that send the transactions; contracts see them as callers. */
  readonly users: readonly { readonly key: PrivateKey; readonly address: Uint8Array }[];
  readonly accounts: number;
  /** Deployed in block 1 by the first user: the event contract once more. */
  readonly created: Uint8Array;
  blocks(): Promise<readonly Block[]>;
  branchBlocks(): Promise<readonly Block[]>;
}

/** Address of the account that filling slot `i` made; its balance is 1 wei. */
export function filledAccount(i: number): Uint8Array {
  return keccak256(word(i)).slice(12);
}

/** Call data that fills `count` slots and accounts from `first` on. */
export function fillCall(first: number, count: number): Uint8Array {
  return concatBytes(word(first), word(count));
}

const parseKey = (hex: string) => fromHex(`0x${hex}`) as PrivateKey; // minerKey is in range

function specOf(
  options: Omit<SealedChainOptions, "blocks">,
  key: PrivateKey,
  users: SealedChain["users"],
): Genesis {
  const code = (address: Uint8Array, bytes: Uint8Array): GenesisAccount => ({
    address,
    balance: 1n << 100n,
    nonce: 0n,
    code: bytes,
    storage: [],
  });
  const rich = [addressOf(publicKeyOf(key)), ...users.map((user) => user.address)];
  const { berlinBlock: _b, londonBlock: _l, ...istanbul } = devForks;
  const { istanbulBlock: _i, ...petersburg } = istanbul;
  const rules = { petersburg, istanbul, london: devForks };
  return devGenesis(Object.fromEntries(rich.map((address) => [toHex(address), 1n << 120n])), {
    signers: [addressOf(publicKeyOf(key))],
    forks: rules[options.forks ?? "petersburg"],
    timestamp: options.genesisTime ?? 0x5c51a607,
    gasLimit: 100_000_000n,
    accounts: [
      code(stateContract, stateCode),
      code(eventContract, eventCode),
      code(revertContract, revertCode),
    ],
  });
}

interface MakerState {
  readonly chainId: bigint;
  readonly isLondon: boolean;
  readonly users: SealedChain["users"];
  readonly nonces: readonly bigint[];
  readonly count: number;
}

/** Makes transactions one after the other; nonces are counted here, so a chain and its branch each have a maker. */
export class TransactionMaker {
  readonly #fixed: MakerState;
  readonly #nonces: bigint[];
  #count: number;

  constructor(state: MakerState) {
    this.#fixed = state;
    this.#nonces = [...state.nonces];
    this.#count = state.count;
  }

  /** One that goes on from here by itself. */
  fork(): TransactionMaker {
    return new TransactionMaker({ ...this.#fixed, nonces: this.#nonces, count: this.#count });
  }

  send(user: number, to: Uint8Array | undefined, gas: bigint, value: bigint, input: Uint8Array): Transaction {
    const { users, chainId, isLondon } = this.#fixed;
    const index = user % users.length;
    const sender = users[index];
    const nonce = this.#nonces[index];
    if (sender === undefined || nonce === undefined) throw new RangeError("no such user");
    this.#nonces[index] = nonce + 1n;
    const type = isLondon ? this.#count++ % 3 : 0;
    const price = 2_000_000_000n;
    const base = { chainId, nonce, gas, value, input, ...(to === undefined ? {} : { to }) };
    const fields: TransactionFields =
      type === 2
        ? { ...base, type: 2, maxFeePerGas: price * 2n, maxPriorityFeePerGas: price / 2n, accessList: [] }
        : type === 1
          ? {
              ...base,
              type: 1,
              gasPrice: price,
              accessList: [{ address: eventContract, storageKeys: [word(0)] }],
            }
          : { ...base, type: 0, gasPrice: price };
    return signTransaction(fields, sender.key);
  }

  /** Ordinary traffic of one block: transfers, events, now and then a call that fails. */
  traffic(number: number, count: number): Transaction[] {
    return Array.from({ length: count }, (_, i) => {
      const user = number + i;
      const kind = (number * 7 + i) % 5;
      if (kind < 2)
        return this.send(
          user,
          keccak256(word(number), word(i)).slice(0, 20),
          30_000n,
          BigInt(number) * 1000n + 1n,
          new Uint8Array(0),
        );
      if (kind === 4 && number % 10 === 0)
        return this.send(user, revertContract, 60_000n, 0n, new Uint8Array(0));
      return this.send(user, eventContract, 100_000n, 0n, concatBytes(word(number * 10 + i), word(number)));
    });
  }
}

/** Accounts and slots of one transaction: about 55,000 gas each of the block's 100,000,000. */
const fillChunk = 1000;

/** A chain in a store, and the means to go on with it block by block. */
export interface SealedWorld {
  readonly chain: BlockChain;
  readonly spec: Genesis;
  readonly signer: Signer;
  readonly users: SealedChain["users"];
  readonly maker: TransactionMaker;
  /** Seals a block of exactly these transactions one second after `parent`, and inserts it. */
  readonly seal: (parent: Header, txs: readonly Transaction[], extra?: string) => Promise<Block>;
  /** The next block of ordinary traffic on the head. */
  readonly next: (transactions?: number) => Promise<Block>;
}

/** Opens (or begins) a chain of these options in `db`, with no block but the genesis if it is new. */
export function sealedWorld(
  options: Omit<SealedChainOptions, "blocks"> = {},
  db: KeyValueStore = memoryStore(),
): SealedWorld {
  const key = options.key ?? parseKey(minerKey);
  const users = Array.from({ length: 8 }, (_, i) => {
    const user = namedKey(`glim chains ${options.seed ?? 1} user ${i}`);
    return { key: user, address: addressOf(publicKeyOf(user)) };
  });
  const spec = specOf(options, key, users);
  if (spec.config.clique === undefined) throw new TypeError("no clique chain");
  const engine = new Clique(spec.config.clique, db);
  // every time in the chain is past for this clock
  const clock = { unixSeconds: () => spec.timestamp + 1_000_000_000, now: () => 0, sleep: async () => {} };
  const chain = new BlockChain({ db, genesis: spec, engine, clock });
  const signer = keySigner(key);
  const { chainId, londonBlock } = spec.config;
  const maker = new TransactionMaker({
    chainId,
    isLondon: londonBlock !== undefined,
    users,
    nonces: users.map(() => 0n),
    count: 0,
  });
  const seal: SealedWorld["seal"] = async (parent, txs, extra = "glim") => {
    const built = await chain.buildBlock(parent, txs, {
      signer,
      time: parent.time + 1,
      extra: utf8Encode(extra),
    });
    const [skipped] = built.skipped;
    if (skipped !== undefined) throw skipped.error;
    await chain.insertBlocks([built.block]);
    return built.block;
  };
  const next: SealedWorld["next"] = (count = options.transactions ?? 3) =>
    seal(chain.head, maker.traffic(chain.head.number + 1, count));
  return { chain, spec, signer, users, maker, seal, next };
}

async function build(options: SealedChainOptions, { chain, maker, seal }: SealedWorld, write: Writers) {
  const accounts = options.accounts ?? 1000;
  let filled = 0;
  let fork: { parent: Header; maker: TransactionMaker } | undefined;
  for (let number = 1; number <= options.blocks; number++) {
    const txs = number === 1 ? [maker.send(0, undefined, 300_000n, 0n, eventInitCode)] : [];
    if (filled < accounts) {
      const count = Math.min(fillChunk, accounts - filled);
      txs.push(maker.send(1, stateContract, BigInt(count) * 60_000n + 100_000n, 0n, fillCall(filled, count)));
      filled += count;
    }
    txs.push(...maker.traffic(number, options.transactions ?? 3));
    await seal(chain.head, txs);
    if (options.branch?.from === number) fork = { parent: chain.head, maker: maker.fork() };
  }
  if (filled < accounts)
    throw new RangeError(`${accounts} accounts need ${Math.ceil(accounts / fillChunk)} blocks`);
  for (const bytes of exportChain(chain, { from: 1 })) await write.chain(bytes);
  if (fork === undefined || options.branch === undefined) return;
  let parent = fork.parent;
  for (let i = 1; i <= options.branch.blocks; i++) {
    const txs = fork.maker.traffic(parent.number + 1001, options.transactions ?? 3);
    const block = await seal(parent, txs, "glim branch");
    await write.branch(block);
    parent = block.header;
  }
}

interface Writers {
  chain(bytes: Uint8Array): Promise<void>;
  branch(block: Block): Promise<void>;
}

/** Writes one file; it has its name only when it is whole. */
async function fileWriter(path: string) {
  const stream = createWriteStream(`${path}.part`);
  return {
    async write(bytes: Uint8Array): Promise<void> {
      if (!stream.write(bytes)) await once(stream, "drain");
    },
    async close(): Promise<void> {
      stream.end();
      await once(stream, "close");
      renameSync(`${path}.part`, path);
    },
  };
}

async function readAll(file: string | undefined): Promise<readonly Block[]> {
  const blocks: Block[] = [];
  if (file !== undefined)
    for await (const { block } of readBlocks(createReadStream(file))) blocks.push(block);
  return blocks;
}

/** Makes the chain, or takes it from the cache folder (GLIM_CACHE, else ~/.cache/glim). */
export async function sealedChain(options: SealedChainOptions): Promise<SealedChain> {
  const key = options.key ?? parseKey(minerKey);
  const world = sealedWorld(options);
  const { spec, users, signer } = world;
  const identity = JSON.stringify([version, { ...options, key: toHex(key) }]);
  const folder = join(cacheFolder(), "chains");
  mkdirSync(folder, { recursive: true });
  const name = `sealed-${options.blocks}-${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`;
  const file = join(folder, `${name}.rlp`);
  const branchFile = options.branch === undefined ? undefined : join(folder, `${name}.branch.rlp`);
  if (!existsSync(file)) {
    // two processes may make it at once: each writes its own part, the renames agree
    const mine = `.${process.pid}`;
    const main = await fileWriter(`${file}${mine}`);
    const side = branchFile === undefined ? undefined : await fileWriter(`${branchFile}${mine}`);
    await build(options, world, {
      chain: (bytes) => main.write(bytes),
      branch: async (block) => side?.write(encodeBlock(block)),
    });
    await side?.close();
    if (branchFile !== undefined) renameSync(`${branchFile}${mine}`, branchFile);
    await main.close();
    renameSync(`${file}${mine}`, file);
  }
  const [first] = users;
  if (first === undefined) throw new RangeError("no users");
  return {
    // as: formatGenesis writes the shape geth reads
    genesis: formatGenesis(spec) as unknown as GenesisJson,
    spec,
    file,
    branchFile,
    head: options.blocks,
    key,
    signer,
    users,
    accounts: options.accounts ?? 1000,
    created: createAddress(first.address, 0n),
    blocks: () => readAll(file),
    branchBlocks: () => readAll(branchFile),
  };
}
