// Blocks after the merge, made by a real geth through its Engine API as a consensus layer would ask for them.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  createAddress,
  encodeTransaction,
  signTransaction,
  type Transaction,
  type TransactionFields,
} from "#core/types";
import { addressOf, type PrivateKey, publicKeyOf } from "#crypto";
import { bigintToBytes, concatBytes, type Hex, toHex } from "#util";
import { authorize } from "./authorize.ts";
import { eventInitCode } from "./chains.ts";
import { namedKey } from "./clique.ts";
import type { Geth, GenesisJson } from "./geth.ts";
import { type JsonRpc, jsonRpc } from "./json-rpc.ts";
import { until } from "./until.ts";

/** Seconds between blocks, and blocks of each fork: shanghai from the genesis, then cancun, prague, osaka. */
export const slotSeconds = 12;
export const blocksOfFork = 12;
const genesisTime = 1_700_000_000;
const chainId = 1337;

// Contracts of the protocol, which a chain must hold from the fork on that calls them (EIP-4788, 2935, 7002, 7251).
const systemContracts: Readonly<Record<string, string>> = {
  "0x000f3df6d732807ef1319fb7b8bb8522d0beac02":
    "0x3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500",
  "0x0000f90827f1c53a10cb7a02335b175320002935":
    "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
  "0x00000961ef480eb55e80d19ad83579a64c007002":
    "0x3373fffffffffffffffffffffffffffffffffffffffe1460cb5760115f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff146101f457600182026001905f5b5f82111560685781019083028483029004916001019190604d565b909390049250505036603814608857366101f457346101f4575f5260205ff35b34106101f457600154600101600155600354806003026004013381556001015f35815560010160203590553360601b5f5260385f601437604c5fa0600101600355005b6003546002548082038060101160df575060105b5f5b8181146101835782810160030260040181604c02815460601b8152601401816001015481526020019060020154807fffffffffffffffffffffffffffffffff00000000000000000000000000000000168252906010019060401c908160381c81600701538160301c81600601538160281c81600501538160201c81600401538160181c81600301538160101c81600201538160081c81600101535360010160e1565b910180921461019557906002556101a0565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff14156101cd57505f5b6001546002828201116101e25750505f6101e8565b01600290035b5f555f600155604c025ff35b5f5ffd",
  "0x0000bbddc7ce488642fb579f8b00f3a590007251":
    "0x3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff1461019a57600182026001905f5b5f82111560685781019083028483029004916001019190604d565b9093900492505050366060146088573661019a573461019a575f5260205ff35b341061019a57600154600101600155600354806004026004013381556001015f358155600101602035815560010160403590553360601b5f5260605f60143760745fa0600101600355005b6003546002548082038060021160e7575060025b5f5b8181146101295782810160040260040181607402815460601b815260140181600101548152602001816002015481526020019060030154905260010160e9565b910180921461013b5790600255610146565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff141561017357505f5b6001546001828201116101885750505f61018e565b01600190035b5f555f6001556074025ff35b5f5ffd",
};
const withdrawalQueue = "0x00000961ef480eb55e80d19ad83579a64c007002";

const user: PrivateKey = namedKey("engine user");
const userAddress = addressOf(publicKeyOf(user));
const delegator: PrivateKey = namedKey("engine delegator");
const delegatorAddress = addressOf(publicKeyOf(delegator));

/** A chain that begins after the merge, under Shanghai, and reaches Osaka; or stays in Shanghai, which is all that 1.11.6 knows. */
export function mergedGenesis({ forks = "osaka" }: { forks?: "shanghai" | "osaka" } = {}): GenesisJson {
  const zero = (bytes: number): string => `0x${"00".repeat(bytes)}`;
  const numbered = [
    ...["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"],
    ...["berlin", "london", "mergeNetsplit"],
  ];
  const forkTime = (fork: number) => genesisTime + slotSeconds * blocksOfFork * fork;
  const blobs = (target: number, max: number, baseFeeUpdateFraction: number) => ({
    target,
    max,
    baseFeeUpdateFraction,
  });
  const later = {
    cancunTime: forkTime(1),
    pragueTime: forkTime(2),
    osakaTime: forkTime(3),
    blobSchedule: {
      cancun: blobs(3, 6, 3_338_477),
      prague: blobs(6, 9, 5_007_716),
      osaka: blobs(6, 9, 5_007_716),
    },
  };
  return {
    config: {
      chainId,
      ...Object.fromEntries(numbered.map((fork) => [`${fork}Block`, 0])),
      terminalTotalDifficulty: 0,
      // 1.11.6 counts a fork at the time of the genesis into its fork id, nobody else does: for it Shanghai begins with block 1
      shanghaiTime: forks === "shanghai" ? genesisTime + slotSeconds : genesisTime,
      ...(forks === "shanghai" ? {} : later),
    },
    nonce: "0x0",
    timestamp: `0x${genesisTime.toString(16)}`,
    extraData: "0x",
    gasLimit: "0x1c9c380",
    difficulty: "0x0",
    mixHash: zero(32),
    coinbase: zero(20),
    baseFeePerGas: "0x3b9aca00",
    alloc: {
      [toHex(userAddress)]: { balance: "0x3635c9adc5dea00000" },
      ...Object.fromEntries(
        Object.entries(systemContracts).map(([address, code]) => [
          address,
          { balance: "0x0", nonce: "0x1", code },
        ]),
      ),
    },
  };
}

interface Payload {
  readonly blockHash: Hex;
  readonly blockNumber: Hex;
  readonly timestamp: Hex;
  readonly stateRoot: Hex;
  readonly transactions: readonly Hex[];
}

interface Envelope {
  readonly executionPayload: Payload;
  readonly executionRequests?: readonly Hex[] | null;
}

interface PayloadStatus {
  readonly status: string;
  readonly validationError?: string | null;
}

/** Everything a consensus layer hands to `newPayload` for one block. */
export interface MadeBlock {
  readonly hash: Hex;
  readonly number: number;
  readonly transactions: number;
  readonly newPayload: readonly [method: string, params: readonly unknown[]];
  readonly forkchoice: string;
}

const zeroHash: Hex = `0x${"00".repeat(32)}`;
const beaconRoot = (number: number): Hex => toHex(bigintToBytes(BigInt(number + 0xbea000), 32));
const base64url = (text: string | Buffer) => Buffer.from(text).toString("base64url");

/** A caller of geth's Engine API: each call with a fresh token (HS256 over the secret in its data directory). */
export function engineRpc(geth: Geth): JsonRpc {
  if (geth.engineUrl === undefined) throw new Error(`geth ${geth.version} has no Engine API`);
  const secret = readFileSync(join(geth.datadir, "geth", "jwtsecret"), "utf8")
    .trim()
    .replace(/^0x/, "");
  const token = () => {
    const claims = JSON.stringify({ iat: Math.floor(Date.now() / 1000) });
    const signed = `${base64url(JSON.stringify({ alg: "HS256", typ: "JWT" }))}.${base64url(claims)}`;
    const mac = createHmac("sha256", Buffer.from(secret, "hex")).update(signed).digest();
    return `${signed}.${base64url(mac)}`;
  };
  return jsonRpc(geth.engineUrl, 4, () => ({ authorization: `Bearer ${token()}` }));
}

/** Names the fork of a block by its number, and the methods of the Engine API that it is made with. */
function methodsOf(number: number): { fork: number; forkchoice: string; get: string; put: string } {
  const fork = Math.min(3, Math.floor(number / blocksOfFork));
  const versions = [
    ["V2", "V2", "V2"],
    ["V3", "V3", "V3"],
    ["V3", "V4", "V4"],
    ["V3", "V5", "V4"],
  ][fork] ?? ["", "", ""];
  const [forkchoice = "", get = "", put = ""] = versions;
  return {
    fork,
    forkchoice: `engine_forkchoiceUpdated${forkchoice}`,
    get: `engine_getPayload${get}`,
    put: `engine_newPayload${put}`,
  };
}

/** Tells a geth which block is the head. @returns its status: VALID, SYNCING, INVALID */
export async function setHead(
  engine: JsonRpc,
  block: Pick<MadeBlock, "hash" | "forkchoice">,
): Promise<string> {
  const state = { headBlockHash: block.hash, safeBlockHash: zeroHash, finalizedBlockHash: zeroHash };
  const { payloadStatus } = await engine<{ payloadStatus: PayloadStatus }>(block.forkchoice, [state, null]);
  return payloadStatus.status;
}

/** Hands a block to a geth. @returns its status: VALID, SYNCING, ACCEPTED, INVALID */
export async function newPayload(engine: JsonRpc, block: MadeBlock): Promise<string> {
  const [method, params] = block.newPayload;
  return (await engine<PayloadStatus>(method, params)).status;
}

/**
 * Makes the next block on a geth with what waits in its pool, `expected` transactions, and two withdrawals; makes it the head. No
 * two geths make the same block when `extra` differs.
 * geth begins a payload without transactions and fills it meanwhile, so it is asked again until they are in it.
 */
export async function makeBlock(
  engine: JsonRpc,
  parent: Hex,
  number: number,
  expected: number,
  extra = 0,
): Promise<MadeBlock> {
  const { fork, forkchoice, get, put } = methodsOf(number);
  const withdrawals = [
    {
      index: `0x${(2 * number).toString(16)}`,
      validatorIndex: "0x7",
      address: `0x${(0xaa00 + number).toString(16).padStart(40, "0")}`,
      amount: "0x3b9aca00",
    },
    {
      index: `0x${(2 * number + 1).toString(16)}`,
      validatorIndex: "0x8",
      address: toHex(userAddress),
      amount: "0x1",
    },
  ];
  let tries = 0;
  const envelope = await until(`a payload of ${expected} transactions for block ${number}`, async () => {
    const attributes = {
      timestamp: `0x${(genesisTime + number * slotSeconds).toString(16)}`,
      prevRandao: toHex(bigintToBytes(BigInt(number * 1_000_000 + extra + tries++), 32)),
      suggestedFeeRecipient: "0x00000000000000000000000000000000000000fe",
      withdrawals,
      ...(fork > 0 ? { parentBeaconBlockRoot: beaconRoot(number) } : {}),
    };
    const state = { headBlockHash: parent, safeBlockHash: zeroHash, finalizedBlockHash: zeroHash };
    const { payloadId } = await engine<{ payloadId: Hex }>(forkchoice, [state, attributes]);
    // asking for it ends the filling: each try gives it longer
    await pause(10 * tries);
    const made = await engine<Envelope>(get, [payloadId]);
    return made.executionPayload.transactions.length === expected ? made : undefined;
  });
  const { executionPayload: payload, executionRequests } = envelope;
  const params: unknown[] = [payload];
  if (fork > 0) params.push([], beaconRoot(number));
  if (fork > 1) params.push(executionRequests ?? []);
  const block: MadeBlock = {
    hash: payload.blockHash,
    number,
    transactions: payload.transactions.length,
    newPayload: [put, params],
    forkchoice,
  };
  const status = [await newPayload(engine, block), await setHead(engine, block)];
  if (status.join() !== "VALID,VALID") throw new Error(`block ${number}: ${status.join()}`);
  return block;
}

const gwei = 1_000_000_000n;

const isEmpty = (number: number) => number % 7 === 0;
/** geth's pool takes type 4 when its head, the parent, is of Prague. */
const hasDelegations = (number: number) => !isEmpty(number) && methodsOf(number - 1).fork >= 2;
const delegationsBefore = (number: number) =>
  BigInt(Array.from({ length: number }, (_, i) => i).filter(hasDelegations).length);

/** Transactions of that block, of every type its fork knows but blobs; `nonce` is the user's. */
function transactionsOf(number: number, nonce: bigint): Transaction[] {
  const contract = createAddress(userAddress, 0n);
  const ping = concatBytes(bigintToBytes(BigInt(number), 32), bigintToBytes(nonce, 32));
  const base = { chainId: BigInt(chainId), value: 0n, gas: 200_000n };
  const fees = { maxFeePerGas: 20n * gwei, maxPriorityFeePerGas: gwei };
  const accessList = [{ address: contract, storageKeys: [new Uint8Array(32)] }];
  const fresh = bigintToBytes(BigInt(0xbb00 + number), 20);
  const list: TransactionFields[] = [
    number === 1
      ? { type: 0, ...base, gasPrice: 20n * gwei, nonce, gas: 500_000n, input: eventInitCode }
      : { type: 0, ...base, gasPrice: 20n * gwei, nonce, to: contract, input: ping },
    { type: 1, ...base, gasPrice: 20n * gwei, nonce: nonce + 1n, to: contract, input: ping, accessList },
    {
      type: 2,
      ...base,
      ...fees,
      nonce: nonce + 2n,
      to: fresh,
      value: 5n,
      input: ping.subarray(0, 3),
      accessList,
    },
  ];
  if (hasDelegations(number)) {
    const authorization = authorize(
      { chainId: BigInt(chainId), address: contract, nonce: delegationsBefore(number) },
      delegator,
    );
    list.push({
      ...{ type: 4, ...base, ...fees, nonce: nonce + 3n, to: delegatorAddress, input: ping, accessList: [] },
      authorizationList: [authorization],
    });
    // a withdrawal asked for by the execution layer: the block's requests are not empty
    const request = concatBytes(new Uint8Array(48).fill(number), bigintToBytes(BigInt(number), 8));
    list.push({
      type: 2,
      ...base,
      ...fees,
      nonce: nonce + 4n,
      to: hexBytes(withdrawalQueue),
      value: 1n,
      input: request,
      accessList: [],
    });
  }
  return list.map((fields) => signTransaction(fields, user));
}

const hexBytes = (hex: string) => Uint8Array.from(Buffer.from(hex.slice(2), "hex"));

/** Makes blocks 1 to `count` on a geth of `mergedGenesis()`: through four forks, with transactions and withdrawals in each. */
export async function makeMergedChain(geth: Geth, count: number): Promise<MadeBlock[]> {
  using engine = engineRpc(geth);
  const genesis = await geth.rpc<{ hash: Hex }>("eth_getBlockByNumber", ["0x0", false]);
  const blocks: MadeBlock[] = [];
  let nonce = 0n;
  for (let number = 1; number <= count; number++) {
    const transactions = isEmpty(number) ? [] : transactionsOf(number, nonce);
    nonce += BigInt(transactions.length);
    for (const tx of transactions) await geth.rpc("eth_sendRawTransaction", [toHex(encodeTransaction(tx))]);
    blocks.push(await makeBlock(engine, blocks.at(-1)?.hash ?? genesis.hash, number, transactions.length));
  }
  return blocks;
}
