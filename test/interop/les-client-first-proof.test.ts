// The first light: RLPx, les and one proven balance, beside the answer of the very geth that served it.
import { Clique } from "#consensus/clique";
import { HeaderChain } from "#core";
import { genesisBlock } from "#core/state";
import { generateKey } from "#crypto";
import { memoryStore } from "#ethdb";
import { nodeHost } from "#host/node";
import { LesClient } from "#les/client";
import type { LesVersion } from "#les/protocol";
import { Odr, RetrievedCache } from "#light";
import { Server } from "#p2p";
import { parseGenesis } from "#params";
import { fromHex } from "#util";
import { expect, test } from "vitest";
import { type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";
import { cliqueChain, stateContract } from "../kit/shared-data.ts";
import { until } from "../kit/until.ts";

const cases: [GethVersion, LesVersion][] = [
  ["1.9.25", 3],
  ["1.9.25", 2],
  ["1.11.6", 4],
];

for (const [version, les] of cases)
  test(`geth ${version} over les/${les}: headers, then one balance with its proof`, async ({ skip }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const chain = cliqueChain();
    if (chain === undefined) return skip("the chain of 100,000 accounts is not here");
    await using geth = await startGeth({
      version,
      role: "lightServer",
      genesis: chain.genesis,
      importFile: chain.file,
    });
    const host = nodeHost();
    const genesis = parseGenesis(chain.genesis);
    const db = memoryStore();
    const engine = new Clique({ period: 1, epoch: 30_000 }, db);
    const headers = new HeaderChain({
      db,
      config: genesis.config,
      engine,
      genesis: genesisBlock(genesis).header,
      clock: host.clock,
    });
    const client = new LesClient({ networkId: 1337n, host, versions: [les] });
    client.start(headers);
    await using server = new Server(
      {
        privateKey: generateKey(),
        name: "glim/first-proof",
        protocols: client.protocols,
        staticNodes: [geth.enode],
      },
      host,
    );
    await server.start();
    await until("the head of geth", async () => headers.head.number === chain.head || undefined, 60_000);
    const odr = new Odr(client, await RetrievedCache.open(memoryStore()));
    const account = await odr.account(headers.head, fromHex(stateContract));
    const balance = BigInt(await geth.rpc<string>("eth_getBalance", [stateContract, "latest"]));
    console.log(
      `geth ${version}, les/${les}: block ${headers.head.number}, proven ${account?.balance}, geth says ${balance}`,
    );
    expect(account?.balance).toBe(balance);
    expect(account?.balance).toBeGreaterThan(0n);
    await client.stop();
  });
