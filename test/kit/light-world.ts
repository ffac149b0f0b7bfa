// A light client in virtual time, over a chain in memory: what tests of `light` and `les/client` stand on.
import { Clique } from "#consensus/clique";
import { HeaderChain } from "#core";
import { memoryStore } from "#ethdb";
import { SimulatedClock, seededRand } from "#host/sim";
import { LesClient, type LesClientOptions } from "#les/client";
import { Odr, RetrievedCache } from "#light";
import { eventInitCode, fillCall, type SealedWorld, sealedWorld, stateContract } from "./chains.ts";
import { ScriptedServer, type ScriptedOptions } from "./scripted-server.ts";

/** 200 accounts and slots, a created contract, events, transfers and a failing call; 24 blocks. */
export async function filledWorld(blocks = 24): Promise<SealedWorld> {
  const world = sealedWorld({ transactions: 2 });
  await world.seal(world.chain.head, [
    world.maker.send(0, undefined, 300_000n, 0n, eventInitCode),
    world.maker.send(1, stateContract, 12_000_000n, 0n, fillCall(0, 200)),
  ]);
  while (world.chain.head.number < blocks) await world.next();
  return world;
}

export interface LightWorld extends AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly headers: HeaderChain;
  readonly client: LesClient;
  readonly odr: Odr;
  readonly cache: RetrievedCache;
  /** A server of the world's chain, connected. */
  serve(options?: Partial<ScriptedOptions>): ScriptedServer;
  /** Lets everything that waits for nothing but promises run. */
  settle(): Promise<void>;
}

export async function lightWorld(
  world: SealedWorld,
  options: Partial<LesClientOptions> = {},
): Promise<LightWorld> {
  const { spec, chain } = world;
  const clock = new SimulatedClock(chain.head.time + 10_000);
  const db = memoryStore();
  const engine = new Clique(spec.config.clique ?? { period: 1, epoch: 30_000 }, db);
  const headers = new HeaderChain({ db, config: spec.config, engine, genesis: chain.genesis, clock });
  const client = new LesClient({
    networkId: spec.config.chainId,
    host: { clock, rand: seededRand(1) },
    ...options,
  });
  client.start(headers);
  const cache = await RetrievedCache.open(memoryStore());
  const odr = new Odr(client, cache);
  const servers: ScriptedServer[] = [];
  return {
    clock,
    headers,
    client,
    odr,
    cache,
    serve(more = {}) {
      const name = more.name ?? "abcdef0123"[servers.length % 10];
      const server = new ScriptedServer({ chain, clock, ...more, name }).connect(client);
      servers.push(server);
      return server;
    },
    settle: () => clock.advance(0),
    async [Symbol.asyncDispose]() {
      await client.stop();
      for (const server of servers) server.kill();
      await clock.advance(0);
    },
  };
}
