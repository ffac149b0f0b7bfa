import { applyDiff } from "#core/state";
import {
  decodeTransaction,
  emptyTxRoot,
  type Header,
  type Log,
  logRlp,
  signTransaction,
  type Transaction,
  type TransactionFields,
  TypesError,
} from "#core/types";
import { type BlockExecution, openBlock, type StateDiff, VmError } from "#core/vm";
import { keccak256, parsePrivateKey } from "#crypto";
import { type ChainConfig, parseGenesis } from "#params";
import { encodeAs, list } from "#rlp";
import { fromHex, isError, toHex } from "#util";
import { headerToExecute, memoryState } from "./memory-state.ts";

/** The forks of ethereum/tests, each from block 0. `clique`: state tests pay no block rewards. */
const ORDER = [
  ["Frontier", {}],
  ["Homestead", { homesteadBlock: 0 }],
  ["EIP150", { eip150Block: 0 }],
  ["EIP158", { eip155Block: 0, eip158Block: 0 }],
  ["Byzantium", { byzantiumBlock: 0 }],
  ["Constantinople", { constantinopleBlock: 0, petersburgBlock: 10_000_000 }],
  ["ConstantinopleFix", { petersburgBlock: 0 }],
  ["Istanbul", { istanbulBlock: 0 }],
  ["Berlin", { berlinBlock: 0 }],
  ["London", { londonBlock: 0 }],
  ["Paris", { terminalTotalDifficulty: 0n }],
  ["Shanghai", { shanghaiTime: 0 }],
  ["Cancun", { cancunTime: 0 }],
  ["Prague", { pragueTime: 0 }],
  ["Osaka", { osakaTime: 0 }],
] as const satisfies readonly (readonly [string, Partial<ChainConfig>])[];

const configs = new Map<string, ChainConfig>();
{
  let config: ChainConfig = { chainId: 1n, clique: { period: 0, epoch: 30_000 } };
  for (const [name, change] of ORDER) configs.set(name, (config = { ...config, ...change }));
}

/** Chain id 1, all forks up to that one from block 0, no block rewards. */
export function testConfig(fork: string): ChainConfig {
  const config = configs.get(fork);
  if (config === undefined) throw new Error(`no fork ${fork}`);
  return config;
}

type Text = string;
interface Vector {
  env: Record<string, Text>;
  pre: Record<string, { storage: Record<string, string> }>;
  post: Record<
    string,
    {
      hash: Text;
      logs: Text;
      indexes: { data: number; gas: number; value: number };
      txbytes?: Text;
      expectException?: Text;
      state?: unknown;
    }[]
  >;
  transaction: Record<string, unknown>;
}

/** One fork and one set of indexes of a vector. */
export interface StateCase {
  readonly name: string;
  readonly fork: string;
  /** Undefined: passed. */
  run(): Promise<string | undefined>;
}

const number = (text: Text | undefined): bigint => (text === undefined || text === "0x" ? 0n : BigInt(text));
const word = (text: Text): Uint8Array => fromHex(`0x${number(text).toString(16).padStart(64, "0")}`);

const forks = ORDER.map(([name]) => name as string);
const isFrom = (fork: string, first: string) => forks.indexOf(fork) >= forks.indexOf(first);

function headerOf(env: Record<string, Text>, fork: string): Header {
  const has = (name: string) => isFrom(fork, name);
  const merged = has("Paris");
  return headerToExecute({
    coinbase: fromHex(env["currentCoinbase"] ?? "0x"),
    difficulty: merged ? 0n : number(env["currentDifficulty"]) & ((1n << 80n) - 1n),
    number: Number(number(env["currentNumber"])),
    gasLimit: number(env["currentGasLimit"]) & ((1n << 64n) - 1n),
    time: Number(number(env["currentTimestamp"])),
    mixDigest: merged ? word(env["currentRandom"] ?? env["currentDifficulty"] ?? "0x0") : new Uint8Array(32),
    ...(has("London") ? { baseFee: number(env["currentBaseFee"] ?? "0x0a") } : {}),
    ...(has("Shanghai") ? { withdrawalsRoot: emptyTxRoot } : {}),
    ...(has("Cancun") ? { blobGasUsed: 0n, excessBlobGas: number(env["currentExcessBlobGas"]) } : {}),
  });
}

/** The transaction of that case, signed with its key. Undefined: a value that has no encoding. */
function transactionOf(
  from: Record<string, unknown>,
  at: { data: number; gas: number; value: number },
): Transaction {
  const text = (key: string) => from[key] as Text | undefined;
  const pick = (key: string, index: number) => (from[key] as Text[])[index] ?? "0x";
  const lists = from["accessLists"] as ({ address: Text; storageKeys: Text[] }[] | null)[] | undefined;
  const accessList = lists?.[at.data]?.map((entry) => ({
    address: fromHex(entry.address),
    storageKeys: entry.storageKeys.map(word),
  }));
  const to = text("to");
  const fields = {
    nonce: number(text("nonce")),
    gas: number(pick("gasLimit", at.gas)),
    value: number(pick("value", at.value).replace("0x:bigint 0x", "0x")),
    input: fromHex(pick("data", at.data)),
    ...(to === undefined || to === "" || to === "0x" ? {} : { to: fromHex(to) }),
  };
  const key = parsePrivateKey(fromHex(text("secretKey") ?? "0x"));
  const gasPrice = number(text("gasPrice"));
  const maxFeePerGas = number(text("maxFeePerGas"));
  const maxPriorityFeePerGas = number(text("maxPriorityFeePerGas"));
  const blobs = from["blobVersionedHashes"] as Text[] | undefined;
  let typed: TransactionFields = { ...fields, type: 0, gasPrice };
  if (blobs !== undefined)
    typed = {
      ...fields,
      type: 3,
      chainId: 1n,
      maxFeePerGas,
      maxPriorityFeePerGas,
      accessList: accessList ?? [],
      maxFeePerBlobGas: number(text("maxFeePerBlobGas")),
      blobVersionedHashes: blobs.map((hash) => fromHex(hash)),
    };
  else if (text("maxFeePerGas") !== undefined)
    typed = {
      ...fields,
      type: 2,
      chainId: 1n,
      maxFeePerGas,
      maxPriorityFeePerGas,
      accessList: accessList ?? [],
    };
  else if (accessList !== undefined) typed = { ...fields, type: 1, chainId: 1n, gasPrice, accessList };
  return signTransaction(typed, key);
}

const REFUSALS = ["VM_BAD_TRANSACTION", "TYPES_TX_TYPE", "TYPES_FIELDS", "TYPES_BAD_SIGNATURE"];
const isRefusal = (error: unknown) =>
  VmError.is(error, "BAD_TRANSACTION") ||
  TypesError.is(error) ||
  (error instanceof Error &&
    (REFUSALS.some((code) => isError(error, code)) ||
      /^RLP_/.test(String((error as { code?: unknown }).code))));

/** What the transaction changed. A reward of nothing touches the coinbase (geth tests/state_test_util.go). */
async function diffOf(block: BlockExecution, header: Header, fork: string): Promise<StateDiff> {
  // no requests are collected: such a state need not have the contracts for them, and has no empty accounts
  if (isFrom(fork, "Prague")) return block.diff();
  const withdrawals = [{ index: 0n, validatorIndex: 0n, address: header.coinbase, amount: 0n }];
  return (await block.finish({ withdrawals })).diff;
}

async function runCase(vector: Vector, fork: string, index: number): Promise<string | undefined> {
  const config = configs.get(fork);
  const post = vector.post[fork]?.[index];
  if (config === undefined || post === undefined) return `no fork ${fork}`;
  const { alloc } = parseGenesis({ config: {}, difficulty: 0, alloc: vector.pre });
  const pre = memoryState(alloc);
  const header = headerOf(vector.env, fork);
  // as geth's runner: BLOCKHASH of n is keccak256 of its decimal digits
  const blockHash = (n: number) => keccak256(Buffer.from(String(n), "latin1"));
  const block = await openBlock(config, header, pre.reader, {
    blockHash,
    intermediateRoot: () => new Uint8Array(32),
  });
  let logs: readonly Log[] = [];
  let refused = "";
  try {
    const tx =
      post.txbytes === undefined
        ? transactionOf(vector.transaction, post.indexes)
        : decodeTransaction(fromHex(post.txbytes));
    logs = (await block.apply(tx)).logs;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    refused = String(error);
  }
  const diff = await diffOf(block, header, fork);
  if (post.expectException !== undefined && refused === "") return `not refused: ${post.expectException}`;
  // execution-spec-tests leave the state alone where the transaction is refused, and say what it is
  const isUntouched = refused !== "" && post.state !== undefined;
  const root = toHex(isUntouched ? pre.root : applyDiff(pre.nodes, pre.root, diff).root);
  if (root !== post.hash) return `root ${root} instead of ${post.hash} ${refused}`;
  const logsHash = toHex(keccak256(encodeAs(list(logRlp), logs)));
  return logsHash === post.logs ? undefined : `logs ${logsHash} instead of ${post.logs}`;
}

/** All cases of a parsed GeneralStateTests file, for the forks given (default: all we know). */
export function* stateCases(
  file: unknown,
  forks: ReadonlySet<string> = new Set(configs.keys()),
): Generator<StateCase> {
  for (const [name, vector] of Object.entries(file as Record<string, Vector>))
    for (const [fork, posts] of Object.entries(vector.post))
      if (forks.has(fork))
        for (const [index] of posts.entries())
          yield { name: `${name} ${fork} ${index}`, fork, run: () => runCase(vector, fork, index) };
}
