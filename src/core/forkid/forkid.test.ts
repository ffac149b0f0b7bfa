import { readFileSync } from "node:fs";
import {
  type ChainConfig,
  mainnetConfig,
  mainnetGenesisHash,
  parseChainConfig,
  sepoliaConfig,
  sepoliaGenesisHash,
} from "#params";
import { decodeAs, encodeAs } from "#rlp";
import { fromHex, isError, toHex } from "#util";
import { expect, test } from "vitest";
import { checkForkId, type ForkChain, forkIdAt, forkIdRlp } from "./index.ts";

interface Case {
  network: string;
  legacy: boolean;
  head: number;
  time: number;
  hash: string;
  next: string;
  verdict: string;
  rlp: string;
}
const vectors = JSON.parse(readFileSync("test/vectors/forkid/forkid.json", "utf8")) as {
  networks: Record<string, { genesisHash: string; genesisTime: number; config: unknown }>;
  creation: Case[];
  validation: Case[];
  encoding: Case[];
};
const mainnet: ForkChain = { config: mainnetConfig, genesisHash: mainnetGenesisHash, genesisTime: 0 };
const { shanghaiTime, cancunTime, pragueTime, osakaTime, bpo1Time, bpo2Time, ...rest } = mainnetConfig;
const legacyConfig: ChainConfig = rest;
void [shanghaiTime, cancunTime, pragueTime, osakaTime, bpo1Time, bpo2Time];

function chainOf(network: string): ForkChain {
  if (network === "mainnet") return mainnet;
  if (network === "sepolia")
    return { config: sepoliaConfig, genesisHash: sepoliaGenesisHash, genesisTime: 1_633_267_481 };
  const from = vectors.networks[network];
  if (from === undefined) throw new Error(`no network ${network}`);
  return {
    config: parseChainConfig(from.config),
    genesisHash: fromHex(from.genesisHash),
    genesisTime: from.genesisTime,
  };
}

test("geth's 78 fork ids", () => {
  expect(vectors.creation).toHaveLength(78);
  for (const { network, head, time, hash, next } of vectors.creation) {
    const id = forkIdAt(chainOf(network), { number: head, time });
    expect([network, head, time, toHex(id.hash), id.next]).toEqual([
      network,
      head,
      time,
      `0x${hash}`,
      BigInt(next),
    ]);
  }
});

test("geth's 45 verdicts on a remote's id", () => {
  expect(vectors.validation).toHaveLength(45);
  for (const row of vectors.validation) {
    const chain = row.legacy ? { ...mainnet, config: legacyConfig } : mainnet;
    const verdict = checkForkId(
      chain,
      { number: row.head, time: row.time },
      { hash: fromHex(row.hash), next: BigInt(row.next) },
    );
    expect({ ...row, verdict }).toEqual(row);
  }
});

test("geth's 3 encodings", () => {
  for (const { hash, next, rlp } of vectors.encoding) {
    const id = { hash: fromHex(hash), next: BigInt(next) };
    expect(toHex(encodeAs(forkIdRlp, id))).toBe(`0x${rlp}`);
    expect(decodeAs(forkIdRlp, fromHex(rlp))).toEqual(id);
  }
});

test("a fork id of three bytes is refused", () => {
  try {
    decodeAs(forkIdRlp, fromHex("c58300000080"));
    expect.unreachable();
  } catch (error) {
    expect(isError(error, "RLP_LENGTH")).toBe(true);
  }
});
