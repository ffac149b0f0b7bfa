// RLPx and the base protocol against geth, in both directions: hello, capabilities, pings, reasons, reconnection.
import { generateKey, publicKeyOf } from "#crypto";
import { nodeHost } from "#host/node";
import { type PeerEvent, type Protocol, Server, type ServerConfig, wire } from "#p2p";
import { raw } from "#rlp";
import { toHex } from "#util";
import { expect, test } from "vitest";
import { type Geth, type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";
import { cliqueChain } from "../kit/shared-data.ts";
import { until } from "../kit/until.ts";

/** Enough of eth for geth to keep us: its own status is sent back to it, as if we stood where it stands. */
function ethEcho(version: number, length: number): Protocol {
  const table = wire({ name: "eth", version, length, messages: { status: { code: 0, body: raw } } });
  return {
    ...table,
    async run(_peer, rw) {
      const status = await rw.readMsg();
      expect(status.code).toBe(0);
      await rw.writeMsg(0, status.payload);
      for await (const _ of rw);
    },
    nodeInfo: () => ({ network: 1337 }),
    peerInfo: () => ({ version }),
  };
}

const versions: readonly [GethVersion, Protocol[]][] = [
  ["1.9.25", [ethEcho(63, 17), ethEcho(64, 17), ethEcho(65, 17)]],
  ["1.11.6", [ethEcho(66, 17), ethEcho(67, 17)]],
];

const config = (protocols: Protocol[], more: Partial<ServerConfig> = {}): ServerConfig => ({
  privateKey: generateKey(),
  name: "glim/interop",
  listenAddr: "127.0.0.1:0",
  protocols,
  ...more,
});

interface GethPeer {
  readonly id: string;
  readonly name: string;
  readonly caps: readonly string[];
  readonly network: { readonly inbound: boolean; readonly static: boolean };
  readonly protocols: Readonly<Record<string, unknown>>;
}

const peerOn = async (geth: Geth, id: string): Promise<GethPeer | undefined> =>
  (await geth.rpc<GethPeer[]>("admin_peers")).find((peer) => peer.id === id);

/** geth counts us in once its status handshake is through, not before. */
const acceptedBy = (geth: Geth, id: string): Promise<GethPeer> =>
  until("geth to accept us", async () => {
    const peer = await peerOn(geth, id);
    return peer !== undefined && typeof peer.protocols["eth"] === "object" ? peer : undefined;
  });

for (const [version, protocols] of versions) {
  test(`geth ${version}: we dial, it dials, pings keep it, reasons are told`, async ({ skip }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const chain = cliqueChain();
    if (chain === undefined) return skip("the genesis of 1.8 is not here");
    await using geth = await startGeth({ version, role: "full", genesis: chain.genesis });
    const highest = `eth/${protocols.at(-1)?.version}`;

    // we dial
    await using dialing = new Server(config(protocols, { staticNodes: [geth.enode] }));
    await dialing.start();
    const seen = await acceptedBy(geth, dialing.self.id);
    expect(seen).toMatchObject({ name: "glim/interop", network: { inbound: true } });
    expect(seen.caps).toEqual(protocols.map(({ name, version: v }) => `${name}/${v}`));
    const [info] = dialing.peersInfo();
    expect(info?.caps).toContain(highest);
    expect(info).toMatchObject({
      enode: geth.enode,
      network: { inbound: false, static: true },
      protocols: { eth: { version: protocols.at(-1)?.version } },
    });
    expect(info?.name).toContain(`Geth/v${version}`);

    // it dials
    await using listening = new Server(config(protocols));
    await listening.start();
    const events: PeerEvent[] = [];
    listening.peerEvents.subscribe((event) => events.push(event));
    await geth.rpc("admin_addPeer", [listening.self.enode]);
    expect(await acceptedBy(geth, listening.self.id)).toMatchObject({
      network: { inbound: false, static: true },
    });
    expect(listening.peersInfo()[0]).toMatchObject({
      network: { inbound: true, static: false, trusted: false },
    });

    // two of its pings and ours go by (15 s each); a peer that did not answer would be gone after 30 s
    await nodeHost().clock.sleep(35_000);
    expect([dialing.peers.size, listening.peers.size]).toEqual([1, 1]);

    // it disconnects us, with its reason
    await geth.rpc("admin_removePeer", [listening.self.enode]);
    const drop = await until("the drop", () => events.find((event) => event.type === "drop"));
    expect(drop).toMatchObject({ error: "peer disconnected: disconnect requested" });

    // we disconnect it
    dialing.removePeer(geth.enode);
    await until("geth to see us gone", async () => (await peerOn(geth, dialing.self.id)) === undefined);
    await until("the end of the connection", () => dialing.peers.size === 0);
  });
}

test("geth 1.9.25: no shared protocol ends with useless peer, the wrong key with no peer", async ({
  skip,
}) => {
  if ((await requireGeth("1.9.25", skip)) === undefined) return;
  const chain = cliqueChain();
  if (chain === undefined) return skip("the genesis of 1.8 is not here");
  await using geth = await startGeth({ version: "1.9.25", role: "full", genesis: chain.genesis });
  const stranger: Protocol = { name: "shh", version: 6, length: 128, run: () => new Promise(() => {}) };
  const lines: unknown[] = [];
  const log = {
    ...{ trace() {}, info() {}, warn() {}, error() {} },
    debug: (_message: string, facts: unknown) => void lines.push(facts),
    child: () => log,
  };
  const wrongKey = geth.enode.replace(/[0-9a-f]{128}/, toHex(publicKeyOf(generateKey())).slice(2));
  await using server = new Server(config([stranger], { staticNodes: [geth.enode, wrongKey], log }));
  await server.start();
  await until("the refusal", () =>
    lines.some((facts) => JSON.stringify(facts, errorText).includes("useless peer")),
  );
  await until("the other dial to fail", () =>
    lines.some((facts) => JSON.stringify(facts, errorText).includes("connection closed")),
  );
  expect(server.peers.size).toBe(0);
});

const errorText = (_key: string, value: unknown): unknown => (value instanceof Error ? value.message : value);
