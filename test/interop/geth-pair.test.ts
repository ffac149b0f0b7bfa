// The harness proves itself: a geth light client reads a proven balance from a geth server of the same version.
import { expect, test } from "vitest";
import { type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";
import { cliqueChain, stateContract } from "../kit/shared-data.ts";
import { until } from "../kit/until.ts";

for (const version of ["1.9.25", "1.11.6"] satisfies GethVersion[])
  test(`geth ${version} as light client reads from geth ${version}`, async ({ skip }) => {
    const chain = cliqueChain();
    if (chain === undefined) return skip("the clique chain of geth 1.8 is not in this checkout");
    if ((await requireGeth(version, skip)) === undefined) return;
    const { genesis, file, head } = chain;
    await using server = await startGeth({ version, role: "lightServer", genesis, importFile: file });
    await server.atBlock(head);
    await using client = await startGeth({ version, role: "light", genesis, peers: [server.enode] });
    await client.atBlock(head);
    const expected = await server.rpc<string>("eth_getBalance", [stateContract, "latest"]);
    const read = (): Promise<string> => client.rpc<string>("eth_getBalance", [stateContract, "latest"]);
    expect(await until("a balance through the light client", read)).toBe(expected);
    expect(BigInt(expected)).toBeGreaterThan(0n);
  });
