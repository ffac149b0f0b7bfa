import { parseNode } from "#enode";
import { devGenesis, mainnetBootnodes, sepoliaBootnodes, v5Bootnodes } from "#params";
import { expect, test } from "vitest";
import { knownBootnodes } from "./known-bootnodes.ts";

test("every boot node is a node that can be asked", () => {
  for (const url of [...mainnetBootnodes, ...sepoliaBootnodes, ...v5Bootnodes]) {
    const { ip, udp } = parseNode(url);
    expect([ip !== undefined, udp > 1024]).toEqual([true, true]);
  }
  expect([mainnetBootnodes.length, sepoliaBootnodes.length, v5Bootnodes.length]).toEqual([4, 5, 15]);
});

test("a private network has none, also under mainnet's chain id", () => {
  const genesis = devGenesis({});
  expect(knownBootnodes(genesis)).toEqual([]);
  expect(knownBootnodes({ ...genesis, config: { ...genesis.config, chainId: 1n } })).toEqual([]);
});
