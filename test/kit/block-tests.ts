import { applyDiff, genesisState, stateReader } from "#core/state";
import { type Block, decodeBlock, mergeBlooms, receiptRoot } from "#core/types";
import { executeBlock } from "#core/vm";
import { type ChainConfig, parseGenesis } from "#params";
import { ByteMap, equalBytes, fromHex, toHex } from "#util";
import { testConfig } from "./state-tests.ts";

interface Vector {
  network: string;
  genesisRLP: string;
  pre: unknown;
  blocks: { rlp: string; expectException?: string }[];
}

/** Block rewards are paid in these tests, and no seal is checked. */
const unsealed = (fork: string): ChainConfig => ({ ...testConfig(fork), clique: undefined });

const TRANSITIONS: Readonly<Record<string, ChainConfig>> = {
  FrontierToHomesteadAt5: { ...unsealed("Homestead"), homesteadBlock: 5 },
  HomesteadToDaoAt5: { ...unsealed("Homestead"), daoForkBlock: 5, daoForkSupport: true },
  HomesteadToEIP150At5: { ...unsealed("EIP150"), eip150Block: 5 },
  EIP158ToByzantiumAt5: { ...unsealed("Byzantium"), byzantiumBlock: 5 },
  ByzantiumToConstantinopleFixAt5: {
    ...unsealed("ConstantinopleFix"),
    constantinopleBlock: 5,
    petersburgBlock: 5,
  },
  BerlinToLondonAt5: { ...unsealed("London"), londonBlock: 5 },
  ArrowGlacierToParisAtDiffC0000: unsealed("Paris"),
  ParisToShanghaiAtTime15k: { ...unsealed("Shanghai"), shanghaiTime: 15_000 },
};

/** A test chain executed block by block. Returns how many blocks were, or what went wrong. */
export async function runBlockTest(
  name: string,
  vector: unknown,
): Promise<{ blocks: number } | { problem: string }> {
  const { network, genesisRLP, pre, blocks } = vector as Vector;
  const config = TRANSITIONS[network] ?? unsealed(network);
  const nodes = new ByteMap<Uint8Array>();
  const codes = new ByteMap<Uint8Array>();
  const genesis = decodeBlock(fromHex(genesisRLP));
  const state = genesisState(parseGenesis({ difficulty: 0, alloc: pre }));
  if (!equalBytes(state.root, genesis.header.stateRoot))
    return { problem: `${name}: genesis root ${toHex(state.root)}` };
  for (const [hash, node] of state.nodes) nodes.set(hash, node);
  for (const [hash, code] of state.codes) codes.set(hash, code);
  const known = new ByteMap<Block>().set(genesis.header.hash, genesis);
  let executed = 0;
  for (const { rlp, expectException } of blocks) {
    if (expectException !== undefined) continue; // headers are #consensus' to judge
    const block = decodeBlock(fromHex(rlp));
    const { header } = block;
    const parent = known.get(header.parentHash);
    if (parent === undefined) return { problem: `${name}: block ${header.number} has no parent` };
    const blockHash = (number: number) => {
      let at: Block | undefined = parent;
      while (at !== undefined && at.header.number > number) at = known.get(at.header.parentHash);
      return at?.header.hash;
    };
    const result = await executeBlock(
      config,
      header,
      block,
      stateReader(nodes, codes, parent.header.stateRoot),
      {
        blockHash,
        intermediateRoot: (diff) => applyDiff(nodes, parent.header.stateRoot, diff).root,
      },
    );
    const update = applyDiff(nodes, parent.header.stateRoot, result.diff);
    for (const [hash, node] of update.nodes) nodes.set(hash, node);
    for (const [hash, code] of update.codes) codes.set(hash, code);
    const bloom = mergeBlooms(result.receipts.map((receipt) => receipt.bloom));
    const wrong = [
      result.gasUsed === header.gasUsed ? "" : "gasUsed",
      equalBytes(update.root, header.stateRoot) ? "" : "stateRoot",
      equalBytes(receiptRoot(result.receipts), header.receiptRoot) ? "" : "receiptRoot",
      equalBytes(bloom, header.bloom) ? "" : "bloom",
      header.blobGasUsed === undefined || header.blobGasUsed === result.blobGasUsed ? "" : "blobGasUsed",
    ].filter((field) => field !== "");
    if (wrong.length > 0) return { problem: `${name}: block ${header.number}: ${wrong.join(", ")}` };
    known.set(header.hash, block);
    executed++;
  }
  return { blocks: executed };
}
