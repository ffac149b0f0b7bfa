// BlockchainTests of ethereum/tests through a whole chain: headers verified, blocks executed, the head chosen.
import { Beacon } from "#consensus/beacon";
import { Ethash, type SealChecker } from "#consensus/ethash";
import { BlockChain } from "#core";
import { genesisState } from "#core/state";
import { type Block, decodeBlock, makeHeader, txRoot } from "#core/types";
import { memoryStore } from "#ethdb";
import { nodeHost } from "#host/node";
import { type ChainConfig, parseGenesis } from "#params";
import { fromHex, GlimError, toHex } from "#util";
import { testConfig } from "./state-tests.ts";

interface Vector {
  network: string;
  /** In execution-spec-tests. */
  config?: { blobSchedule?: Record<string, Record<string, string>> };
  genesisBlockHeader: Record<string, string>;
  pre: unknown;
  /** A block without fields beside its bytes is a bad one; older sets do not say why. */
  blocks: { rlp: string; expectException?: string; blockHeader?: unknown }[];
  lastblockhash: string;
  postState?: unknown;
  postStateHash?: string;
}

/** Block rewards are paid in these tests. */
const rewarded = (fork: string): ChainConfig => ({ ...testConfig(fork), clique: undefined });

const TRANSITIONS: Readonly<Record<string, ChainConfig>> = {
  FrontierToHomesteadAt5: { ...rewarded("Homestead"), homesteadBlock: 5 },
  HomesteadToDaoAt5: { ...rewarded("Homestead"), daoForkBlock: 5, daoForkSupport: true },
  HomesteadToEIP150At5: { ...rewarded("EIP150"), eip150Block: 5 },
  EIP158ToByzantiumAt5: { ...rewarded("Byzantium"), byzantiumBlock: 5 },
  ByzantiumToConstantinopleFixAt5: {
    ...rewarded("ConstantinopleFix"),
    constantinopleBlock: 5,
    petersburgBlock: 5,
  },
  BerlinToLondonAt5: { ...rewarded("London"), londonBlock: 5 },
  ArrowGlacierToParisAtDiffC0000: {
    ...rewarded("London"),
    muirGlacierBlock: 0,
    arrowGlacierBlock: 0,
    terminalTotalDifficulty: 0xc0000n,
  },
};

/** Deposits of EIP-6110 come from the main network's contract. */
const depositContractAddress = fromHex("0x00000000219ab540356cbb839cbe05303d7705fa");
const BPOS: Readonly<Record<string, Partial<ChainConfig>>> = {
  BPO1: { bpo1Time: 0 },
  BPO2: { bpo1Time: 0, bpo2Time: 0 },
  BPO3: { bpo1Time: 0, bpo2Time: 0, bpo3Time: 0 },
  BPO4: { bpo1Time: 0, bpo2Time: 0, bpo3Time: 0, bpo4Time: 0 },
};
const forkConfig = (name: string): ChainConfig =>
  BPOS[name] === undefined ? rewarded(name) : { ...rewarded("Osaka"), ...BPOS[name] };

/** The rules of a test's network: a fork, or one that follows another at block 5 or second 15,000. */
function configOf({ network, config }: Vector): ChainConfig {
  const later = /^\w+?To(\w+)AtTime15k$/.exec(network)?.[1];
  const at = later === undefined ? {} : { [`${later.toLowerCase()}Time`]: 15_000 };
  const rules = TRANSITIONS[network] ?? { ...forkConfig(later ?? network), ...at };
  if (config?.blobSchedule === undefined) return { ...rules, depositContractAddress };
  const blobSchedule = Object.entries(config.blobSchedule).map(([fork, row]) => [
    fork.toLowerCase(),
    {
      target: Number(row["target"]),
      max: Number(row["max"]),
      baseFeeUpdateFraction: BigInt(row["baseFeeUpdateFraction"] ?? 0),
    },
  ]);
  return { ...rules, depositContractAddress, blobSchedule: Object.fromEntries(blobSchedule) };
}

/** `sealEngine: NoProof`: every seal holds, as in geth's ethash.NewFaker. */
export const trustingChecker: SealChecker = {
  checkNow: () => undefined,
  check: async (seals) => seals.map(() => undefined),
  close: async () => {},
};

/** Fields of a genesis file from those of a header in these tests. */
const genesisOf = ({ genesisBlockHeader: header, pre }: Vector) =>
  parseGenesis({
    nonce: header["nonce"],
    timestamp: header["timestamp"],
    extraData: header["extraData"],
    gasLimit: header["gasLimit"],
    difficulty: header["difficulty"],
    mixHash: header["mixHash"],
    coinbase: header["coinbase"],
    baseFeePerGas: header["baseFeePerGas"],
    excessBlobGas: header["excessBlobGas"],
    blobGasUsed: header["blobGasUsed"],
    alloc: pre,
  });

const host = nodeHost();
/** Long after every block of these tests that is not meant to be from the future. */
const clock = {
  now: () => host.clock.now(),
  sleep: () => Promise.resolve(),
  unixSeconds: () => 1_800_000_000,
};

/** The block, or why it was refused: its bytes, header, body or execution. */
async function insert(
  chain: BlockChain,
  make: () => Block,
): Promise<{ block: Block } | { refusal: string; code: string }> {
  try {
    const block = make();
    await chain.insertBlocks([block]);
    return { block };
  } catch (error) {
    if (!(error instanceof GlimError) || error.blame !== "peer") throw error;
    return { refusal: `${error.code}: ${error.message}`, code: error.code };
  }
}

/**
 * Blocks with a transaction that cannot be in them carry the root of the others only, so that any node refuses them before
 * it looks at the transaction. With the root of what they carry, it must be the transaction that is refused.
 */
async function isTransactionRefused(chain: BlockChain, rlp: string): Promise<boolean> {
  const outcome = await insert(chain, () => {
    const block = decodeBlock(fromHex(rlp));
    return { ...block, header: makeHeader({ ...block.header, txRoot: txRoot(block.transactions) }) };
  });
  return (
    "refusal" in outcome && (outcome.code === "CORE_EXECUTION_FAILED" || /^(RLP|TYPES)_/.test(outcome.code))
  );
}

/** What ran: blocks that were taken and refused, with the codes of the refusals. */
export interface BlockTestResult {
  readonly blocks: number;
  /** Exception that the test names, and what ours says. */
  readonly refusals: readonly (readonly [expected: string, ours: string])[];
}

/** A test chain inserted block by block. Returns what was done, or what went wrong. */
export async function runBlockTest(
  name: string,
  vector: unknown,
): Promise<BlockTestResult | { problem: string }> {
  const test = vector as Vector;
  const chain = new BlockChain({
    ...{ db: memoryStore(), clock },
    genesis: { ...genesisOf(test), config: configOf(test) },
    engine: new Beacon(new Ethash({ checker: trustingChecker })),
  });
  if (toHex(chain.genesis.hash) !== test.genesisBlockHeader["hash"])
    return { problem: `${name}: genesis ${toHex(chain.genesis.hash)}` };
  let blocks = 0;
  const refusals: [string, string][] = [];
  for (const [index, { rlp, blockHeader, expectException: named }] of test.blocks.entries()) {
    const expectException = named ?? (blockHeader === undefined ? "not said" : undefined);
    const outcome = await insert(chain, () => decodeBlock(fromHex(rlp)));
    if ("refusal" in outcome) {
      if (expectException === undefined)
        return { problem: `${name}: block ${index} refused: ${outcome.refusal}` };
      refusals.push([expectException, outcome.refusal]);
      const isTransactions =
        expectException.startsWith("TransactionException") && outcome.code === "CORE_BODY_MISMATCH";
      if (isTransactions && !(await isTransactionRefused(chain, rlp)))
        return { problem: `${name}: block ${index}'s transaction taken, not refused: ${expectException}` };
      continue;
    }
    if (expectException !== undefined)
      return { problem: `${name}: block ${index} taken, not refused: ${expectException}` };
    blocks++;
    // after the merge the head is named from outside: here, as in geth's runner, each block in turn
    if (outcome.block.header.difficulty === 0n) await chain.setCanonical(outcome.block.header);
  }
  const { head } = chain;
  if (toHex(head.hash) !== test.lastblockhash)
    return { problem: `${name}: head ${toHex(head.hash)} instead of ${test.lastblockhash}` };
  const post = test.postStateHash ?? postRoot(test.postState);
  if (toHex(head.stateRoot) !== post) return { problem: `${name}: state ${toHex(head.stateRoot)}` };
  return { blocks, refusals };
}

const postRoot = (alloc: unknown) => toHex(genesisState(parseGenesis({ difficulty: 0, alloc })).root);
