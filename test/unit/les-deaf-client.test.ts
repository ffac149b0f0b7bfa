// BP-10 over real sockets: a light client that asks for much and reads nothing is owed little, keeps nobody waiting, and is dropped.
import { forkIdAt } from "#core/forkid";
import { generateKey } from "#crypto";
import { nodeHost } from "#host/node";
import { LesServer } from "#les";
import { clientStatusEntries, les4 } from "#les/protocol";
import { Node } from "#node";
import { type MsgReadWriter, Server } from "#p2p";
import { encode } from "#rlp";
import { deferred } from "#util";
import { expect, test } from "vitest";
import { sealedWorld } from "../kit/chains.ts";
import { skipHost } from "../kit/skip-clock.ts";
import { until } from "../kit/until.ts";

// random: it must not become small on the wire
const megabyte = encode([nodeHost().entropy.bytes(2 ** 20 - 8)]);

test("BP-10 a client that asks for 2 GB and does not read", async () => {
  const { chain } = sealedWorld();
  const host = skipHost();
  const node = new Node({ name: "les", p2p: { listenAddr: "127.0.0.1:0" } }, { host });
  const served = new Proxy(chain, {
    get(target, name) {
      if (name === "bodyRlp") return () => megabyte;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  node.register(
    (context) =>
      new LesServer(context, {
        lightServ: 100,
        flow: { bufferLimit: 2 ** 52, minRecharge: 1 },
        eth: {
          chainConfig: chain.config,
          networkId: chain.config.chainId,
          chain: served,
          headEvents: chain.headEvents,
          relayTransaction: async () => {},
          pendingTransaction: () => undefined,
        },
      }),
  );
  await node.start();
  await using _node = node;
  const server = node.service(LesServer);
  const ends: string[] = [];
  node.server?.peerEvents.subscribe((event) => {
    if (event.type === "drop") ends.push(event.error);
  });

  const { genesis } = chain;
  const place = { config: chain.config, genesisHash: genesis.hash, genesisTime: genesis.time };
  const shaken = async (rw: MsgReadWriter) => {
    const status = clientStatusEntries({
      protocolVersion: 4,
      networkId: chain.config.chainId,
      headTd: 0n,
      headHash: genesis.hash,
      headNumber: 0,
      genesisHash: genesis.hash,
      forkId: forkIdAt(place, genesis),
      announceType: 1,
    });
    const { code, payload } = les4.encode("status", status);
    await rw.writeMsg(code, payload);
    await rw.readMsg();
  };
  const ask = (rw: MsgReadWriter, reqId: number) => {
    const { code, payload } = les4.encode("getBlockBodies", [genesis.hash], { reqId: BigInt(reqId) });
    return rw.writeMsg(code, payload);
  };
  const client = (run: (rw: MsgReadWriter, signal: AbortSignal) => Promise<void>) =>
    new Server(
      {
        privateKey: generateKey(),
        name: "client",
        staticNodes: [node.server?.self.enode ?? ""],
        protocols: [
          {
            name: "les",
            version: 4,
            length: les4.length,
            run: async (_, rw, signal) => await run(rw, signal),
          },
        ],
      },
      nodeHost(),
    );

  const asked = deferred<void>();
  const deaf = client(async (rw, signal) => {
    await shaken(rw);
    const isOver = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    for (let i = 1; i <= 2_000; i++) await Promise.race([ask(rw, i), isOver]);
    asked.resolve();
    await isOver;
  });
  await deaf.start();
  await asked.promise;
  const connection = () => [...server.clients.values()][0];
  let before = -1;
  await until("it is served no further", () => {
    const now = connection()?.served ?? 0;
    const isStill = now === before && now > 0;
    before = now;
    return isStill;
  });
  // 16 MiB in the client's inbox, some more in the sockets between; one reply in hand
  expect(connection()?.served).toBeLessThan(64);
  const owed = (connection()?.served ?? 0) * megabyte.length - (connection()?.peer.traffic.bytesOut ?? 0);
  expect(owed).toBeLessThan(4 * 2 ** 20);

  // another client is served meanwhile
  const answered = deferred<number>();
  const other = client(async (rw) => {
    await shaken(rw);
    await ask(rw, 7);
    answered.resolve((await rw.readMsg()).size);
  });
  await other.start();
  expect(await answered.promise).toBeGreaterThan(2 ** 20);
  await other.stop();

  await host.clock.skip(25_000);
  await until("it is gone", () => server.clients.size === 0);
  expect(ends.some((text) => text.includes("20000"))).toBe(true);
  await deaf.stop();
});
