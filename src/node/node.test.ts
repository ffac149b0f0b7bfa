// long: one matrix: what a node does in each state, and what is left when each step of its start fails
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey, publicKeyOf } from "#crypto";
import { formatEnode, makeEnode } from "#enode";
import { type Logger, silentLogger } from "#log";
import type { Protocol, Server } from "#p2p";
import { api, method, text } from "#rpc";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Config } from "./config.ts";
import { Node } from "./node.ts";
import type { Service, ServiceContext } from "./service.ts";

let folder = "";
const nodes: Node[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "glim-node-"));
});

afterEach(async () => {
  for (const node of nodes.splice(0)) await node[Symbol.asyncDispose]().catch(() => {});
  await rm(folder, { recursive: true, force: true });
});

function make(config: Config = {}): Node {
  const node = new Node({ name: "test", ...config });
  nodes.push(node);
  return node;
}

/** Writes down what happens to it. */
class Recorder implements Service {
  readonly protocols: readonly Protocol[] = [];
  get apis() {
    return [
      api({
        namespace: `rec${this.name}`,
        methods: { name: method({ doc: "", params: [], result: text, handle: () => this.name }) },
      }),
    ];
  }
  readonly name: string;
  readonly events: string[];
  readonly failAt: string;
  constructor(name: string, events: string[], failAt = "") {
    this.name = name;
    this.events = events;
    this.failAt = failAt;
    if (failAt === "construct") throw new Error(`${name} construct`);
    events.push(`new ${name}`);
  }
  async start(_server: Server): Promise<void> {
    this.events.push(`start ${this.name}`);
    if (this.failAt === "start") throw new Error(`${this.name} start`);
  }
  async stop(): Promise<void> {
    this.events.push(`stop ${this.name}`);
    if (this.failAt === "stop") throw new Error(`${this.name} stop`);
  }
}
class A extends Recorder {}
class B extends Recorder {}
class C extends Recorder {}

const isListening = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

/** A port that is free right now. */
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

describe("T3 life cycle", () => {
  test("stopped: stop, attach, service, rpcHandler refuse; wait returns; server is undefined", async () => {
    const node = make();
    await expect(node.stop()).rejects.toMatchObject({
      code: "NODE_NOT_STARTED",
      message: "node not started",
    });
    await expect(node.restart()).rejects.toMatchObject({ code: "NODE_NOT_STARTED" });
    expect(() => node.attach()).toThrow("node not started");
    expect(() => node.service(A)).toThrow("node not started");
    expect(() => node.rpcHandler).toThrow("node not started");
    expect(node.server).toBeUndefined();
    await node.wait();
  });

  test("running: start and register refuse; services by their class; wait ends with this run", async () => {
    const node = make();
    const events: string[] = [];
    node.register(() => new A("a", events));
    await node.start();
    await expect(node.start()).rejects.toMatchObject({
      code: "NODE_RUNNING",
      message: "node already running",
    });
    expect(() => node.register(() => new B("b", events))).toThrow("node already running");
    expect(node.service(A).name).toBe("a");
    expect(() => node.service(Recorder)).toThrow("unknown service");
    expect(() => node.service(B)).toThrow("unknown service");
    let isOver = false;
    const waiting = node.wait().then(() => {
      isOver = true;
    });
    await Promise.resolve();
    expect(isOver).toBe(false);
    await node.stop();
    await waiting;
    expect(() => node.rpcHandler).toThrow("node not started");
  });

  test("constructors and starts in registration order, stops in reverse; a constructor sees earlier services only", async () => {
    const node = make();
    const events: string[] = [];
    const seen: unknown[] = [];
    const look = (context: ServiceContext, type: typeof A) => {
      try {
        return context.service(type).name;
      } catch (error) {
        return (error as Error).message;
      }
    };
    node.register((context) => {
      seen.push(look(context, A));
      return new A("a", events);
    });
    node.register(async (context) => {
      seen.push(look(context, A), look(context, C));
      return new B("b", events);
    });
    node.register(() => new C("c", events));
    await node.start();
    await node.stop();
    expect(events).toEqual([
      "new a",
      "new b",
      "new c",
      "start a",
      "start b",
      "start c",
      "stop c",
      "stop b",
      "stop a",
    ]);
    expect(seen).toEqual(["unknown service", "a", "unknown service"]);
  });

  test("two services of one class: duplicate service, all undone", async () => {
    const node = make({ dataDir: folder });
    const events: string[] = [];
    node.register(() => new A("a", events));
    node.register(() => new A("b", events));
    await expect(node.start()).rejects.toMatchObject({
      code: "NODE_DUPLICATE_SERVICE",
      message: "duplicate service: A",
    });
    expect(events).toEqual(["new a", "new b", "stop b", "stop a"]);
  });

  test("Trap 33: an RPC method registered twice is refused, by name, and all is undone", async () => {
    const node = make({ dataDir: folder });
    const events: string[] = [];
    node.register(() => new A("a", events));
    node.register(() => new B("a", events));
    await expect(node.start()).rejects.toMatchObject({
      code: "NODE_DUPLICATE_METHOD",
      data: { name: "reca_name" },
    });
    expect(events.slice(-2)).toEqual(["stop a", "stop a"]);
  });

  test("plain objects are services too, as many as one likes", async () => {
    const node = make();
    const plain = (): Service => ({ protocols: [], apis: [], start() {}, stop() {} });
    node.register(plain);
    node.register(plain);
    await node.start();
    await node.stop();
  });

  test("Trap 4: it can start again and again; each run constructs anew; old clients are told", async () => {
    const node = make({ dataDir: folder, ipcPath: "n.ipc", http: { port: 0 } });
    const events: string[] = [];
    node.register(() => new A("a", events));
    await node.start();
    const old = node.attach();
    expect(await old.request({ method: "reca_name" })).toBe("a");
    await node.restart();
    await expect(old.request({ method: "reca_name" })).rejects.toMatchObject({ code: 4900 });
    expect(await node.attach().request({ method: "reca_name" })).toBe("a");
    expect(events).toEqual(["new a", "start a", "stop a", "new a", "start a"]);
  });

  test("every failing stop is told, nothing is left out", async () => {
    const node = make({ dataDir: folder });
    const events: string[] = [];
    node.register(() => new A("a", events, "stop"));
    node.register(() => new B("b", events));
    node.register(() => new C("c", events, "stop"));
    await node.start();
    await expect(node.stop()).rejects.toMatchObject({
      code: "NODE_STOP_FAILED",
      data: { failures: [{ part: "C" }, { part: "A" }] },
      message: "C: c stop; A: a stop",
    });
    expect(events.slice(-3)).toEqual(["stop c", "stop b", "stop a"]);
    await node.start(); // the lock is free
  });

  test("stop during start cancels it between two steps and undoes it", async () => {
    const node = make({ dataDir: folder });
    const events: string[] = [];
    let stopping: Promise<void> | undefined;
    node.register(async () => {
      const service = new A("a", events);
      stopping = node.stop();
      return service;
    });
    node.register(() => new B("b", events));
    await expect(node.start()).rejects.toMatchObject({ code: "NODE_STOPPED_WHILE_STARTING" });
    await stopping;
    expect(events).toEqual(["new a", "stop a"]);
    expect(node.isRunning).toBe(false);
  });

  test("start and stop at once happen one after the other", async () => {
    const node = make();
    const start = node.start();
    await node.stop();
    await start;
    expect(node.isRunning).toBe(false);
  });

  test("await using stops it, and is quiet after a stop", async () => {
    const events: string[] = [];
    {
      await using node = make();
      node.register(() => new A("a", events));
      await node.start();
    }
    expect(events).toContain("stop a");
    await using stopped = make();
    await stopped.start();
    await stopped.stop();
  });
});

describe("T3 what services share", () => {
  class Told {
    readonly text: string;
    constructor(text: string) {
      this.text = text;
    }
  }

  test("Trap 4: events between services by their class; each run has its own mux, and none is closed under the next", async () => {
    const node = make();
    const heard: string[] = [];
    let posted = (_text: string): number => 0;
    node.register(({ eventMux }) => {
      eventMux.subscribe(Told, ({ text: one }) => heard.push(one));
      return new A("a", []);
    });
    node.register(({ eventMux }) => {
      posted = (one) => eventMux.post(new Told(one));
      return new B("b", []);
    });
    expect(() => node.eventMux).toThrow("node not started");
    await node.start();
    expect(posted("first run")).toBe(1);
    const old = posted;
    await node.restart();
    expect(old("from a run that is over")).toBe(0);
    expect(posted("second run")).toBe(1);
    expect(node.eventMux.post(new Told("from outside"))).toBe(1);
    expect(heard).toEqual(["first run", "second run", "from outside"]);
  });

  test("paths, databases and accounts: in the instance directory, open to the end of the service's stop", async () => {
    const node = make({ dataDir: folder });
    let seen: unknown;
    node.register(async (context) => {
      const db = await context.openDatabase("things");
      db.put(Uint8Array.of(1), Uint8Array.of(7));
      expect(context.resolvePath("x")).toBe(join(folder, "test", "x"));
      expect(context.isEphemeral).toBe(false);
      expect(context.accountManager).toBe(node.accountManager);
      const service = new A("a", []);
      service.stop = async () => {
        seen = db.get(Uint8Array.of(1));
      };
      return service;
    });
    await node.start();
    await node.stop();
    expect(seen).toEqual(Uint8Array.of(7));
    expect(await readdir(join(folder, "test"))).toContain("things");
  });

  test("a stop: endpoints first, then peers, then services last to first", async () => {
    const port = await freePort();
    const node = make({ http: { port }, p2p: { listenAddr: "127.0.0.1:0" } });
    const order: string[] = [];
    const recorded = (service: Recorder) => {
      service.stop = async () => {
        order.push(`${service.name}: http ${await isListening(port)}, p2p ${await isListening(p2pPort)}`);
      };
      return service;
    };
    node.register(() => recorded(new A("a", [])));
    node.register(() => recorded(new B("b", [])));
    await node.start();
    const p2pPort = Number(/:(\d+)\b/.exec(node.server?.self.enode.split("@")[1] ?? "")?.[1]);
    expect(await isListening(p2pPort)).toBe(true);
    await node.stop();
    expect(order).toEqual(["b: http false, p2p false", "a: http false, p2p false"]);
  });

  test("the metrics port is taken: nothing is left, the lock is free", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const node = make({ dataDir: folder, metrics: { port } });
    node.register(() => new A("a", []));
    await expect(node.start()).rejects.toThrow(/cannot listen/);
    await new Promise((resolve) => taken.close(resolve));
    await node.start();
    expect(node.metricsEndpoint).toBe(`127.0.0.1:${port}`);
    await node.stop();
    expect(await isListening(port)).toBe(false);
  });
});

describe("T3 each step of the start fails (Trap 5): nothing is left, and it starts afterwards", () => {
  const steps: readonly (readonly [string, RegExp])[] = [
    ["lock", /already used/],
    ["constructor", /b construct/],
    ["node key", /node key/],
    ["p2p", /./],
    ["service start", /b start/],
    ["ipc", /IPC endpoint/],
    ["http", /cannot listen/],
    ["ws", /cannot listen/],
  ];

  test.each(steps)("%s", async (step, message) => {
    const [p2pPort, httpPort, wsPort] = [await freePort(), await freePort(), await freePort()];
    const node = make({
      dataDir: folder,
      ipcPath: "n.ipc",
      p2p: { listenAddr: `127.0.0.1:${p2pPort}` },
      http: { port: httpPort },
      ws: { port: wsPort },
    });
    const events: string[] = [];
    const failAt = new Map([
      ["constructor", "construct"],
      ["service start", "start"],
    ]);
    let isBroken = true;
    node.register(async (context) => {
      const store = await context.openDatabase("a-db");
      store.put(Uint8Array.of(1), Uint8Array.of(2));
      return new A("a", events);
    });
    node.register(() => new B("b", events, isBroken ? failAt.get(step) : ""));
    const repair = await breakStep(step, { p2pPort, httpPort, wsPort });
    await expect(node.start()).rejects.toThrow(message);
    expect(node.isRunning).toBe(false);
    await expect(node.stop()).rejects.toThrow("node not started");
    const count = (event: string) => events.filter((one) => one === event).length;
    expect([count("stop a"), count("stop b")]).toEqual([count("new a"), count("new b")]);
    for (const port of [p2pPort, httpPort, wsPort]) {
      if (
        (step === "p2p" && port === p2pPort) ||
        (step === "http" && port === httpPort) ||
        (step === "ws" && port === wsPort)
      )
        continue;
      expect(await isListening(port), `port ${port}`).toBe(false);
    }
    if (step !== "ipc") expect(await readdir(folder)).not.toContain("n.ipc");
    await repair();
    isBroken = false;
    await node.start(); // the lock, the database, the ports are free again
    expect(await node.attach().request({ method: "recb_name" })).toBe("b");
    await node.stop();
    for (const port of [p2pPort, httpPort, wsPort]) expect(await isListening(port)).toBe(false);
    expect(await readdir(folder)).toEqual(["keystore", "test"]);
  });

  async function breakStep(
    step: string,
    ports: { p2pPort: number; httpPort: number; wsPort: number },
  ): Promise<() => Promise<unknown>> {
    const occupy = async (port: number) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      return () => new Promise((resolve) => server.close(resolve));
    };
    switch (step) {
      case "lock": {
        const other = make({ dataDir: folder });
        await other.start();
        return () => other.stop();
      }
      case "node key":
        await mkdir(join(folder, "test"), { mode: 0o700 });
        await writeFile(join(folder, "test", "nodekey"), "broken");
        return () => rm(join(folder, "test", "nodekey"));
      case "p2p":
        return occupy(ports.p2pPort);
      case "http":
        return occupy(ports.httpPort);
      case "ws":
        return occupy(ports.wsPort);
      case "ipc":
        await writeFile(join(folder, "n.ipc"), "not a socket");
        return () => rm(join(folder, "n.ipc"));
      default:
        return async () => {};
    }
  }
});

describe("T4, ND-01 one data directory", () => {
  test("a second node of the same name is refused at once with geth's text; after the first stopped it works", async () => {
    const first = make({ dataDir: folder });
    const second = make({ dataDir: folder });
    await first.start();
    await expect(second.start()).rejects.toMatchObject({
      code: "NODE_DATADIR_USED",
      message: "datadir already used by another process",
      exitCode: 3,
      cause: { data: { pid: process.pid } },
    });
    await first.stop();
    await second.start();
  });

  test("another name is another instance", async () => {
    await make({ dataDir: folder }).start();
    await make({ dataDir: folder, name: "other" }).start();
    expect((await readdir(folder)).sort()).toEqual(["keystore", "other", "test"]);
  });

  test("ephemeral nodes lock nothing and write nothing", async () => {
    await make().start();
    const node = make();
    await node.start();
    expect(node.resolvePath("x")).toBe("");
    await (await node.openDatabase("db")).close();
  });
});

describe("ND-02 data directories", () => {
  test("is made 0700; the node key 0600; both stay over a restart, and so does the identity", async () => {
    const node = make({ dataDir: join(folder, "deep er", "dätä") });
    await node.start();
    const id = node.server?.self.id;
    expect((await lstat(join(node.config.dataDir, "test"))).mode & 0o777).toBe(0o700);
    expect((await lstat(join(node.config.dataDir, "test", "nodekey"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(node.config.dataDir, "test", "nodekey"), "utf8")).toMatch(/^[0-9a-f]{64}$/);
    await node.restart();
    expect(node.server?.self.id).toBe(id);
  });

  test("open to everybody, a file, not writable: a clear error, exit 2", async () => {
    const open = join(folder, "open");
    await mkdir(open);
    await chmod(open, 0o777);
    await expect(make({ dataDir: open }).start()).rejects.toMatchObject({
      code: "NODE_DATADIR_UNUSABLE",
      exitCode: 2,
      message: expect.stringContaining("everybody may write") as string,
    });
    await writeFile(join(folder, "file"), "");
    await expect(make({ dataDir: join(folder, "file") }).start()).rejects.toMatchObject({
      code: "NODE_DATADIR_UNUSABLE",
    });
    if (process.getuid?.() !== 0) {
      await mkdir(join(folder, "ro"), { mode: 0o500 });
      await expect(make({ dataDir: join(folder, "ro") }).start()).rejects.toMatchObject({
        code: "NODE_DATADIR_UNUSABLE",
        message: expect.stringContaining("permission denied") as string,
      });
    }
  });

  test("through a symbolic link it is the same directory", async () => {
    await mkdir(join(folder, "real"), { mode: 0o700 });
    await symlink(join(folder, "real"), join(folder, "link"));
    await make({ dataDir: join(folder, "real") }).start();
    await expect(make({ dataDir: join(folder, "link") }).start()).rejects.toMatchObject({
      code: "NODE_DATADIR_USED",
    });
  });

  test("Trap 7: a node key that cannot be read is refused, kept, and not told", async () => {
    await mkdir(join(folder, "test"), { mode: 0o700 });
    const path = join(folder, "test", "nodekey");
    for (const content of [
      "",
      "abc",
      "g".repeat(64),
      "0".repeat(64),
      "f".repeat(64),
      `0x${"1".repeat(64)}`,
      "1".repeat(65),
    ]) {
      await writeFile(path, content);
      const error: unknown = await make({ dataDir: folder })
        .start()
        .catch((reason: unknown) => reason);
      expect(error, content).toMatchObject({ code: "NODE_BAD_NODE_KEY", exitCode: 2 });
      if (content.length > 10) expect(String(error)).not.toContain(content);
      expect(await readFile(path, "utf8")).toBe(content);
    }
    await writeFile(path, `${"1".repeat(64)}\n`, { mode: 0o644 });
    await make({ dataDir: folder }).start();
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
  });

  test("an ephemeral node has a new identity at each start; a configured key is kept", async () => {
    const node = make();
    await node.start();
    const first = node.server?.self.id;
    await node.restart();
    expect(node.server?.self.id).not.toBe(first);
    const privateKey = generateKey();
    const keyed = make({ p2p: { privateKey } });
    await keyed.start();
    expect(keyed.server?.self.id).toBe(makeEnode(publicKeyOf(privateKey)).id);
  });
});

describe("static-nodes.json, trusted-nodes.json", () => {
  const enode = () => formatEnode(makeEnode(publicKeyOf(generateKey()), { ip: "127.0.0.1", tcp: 1, udp: 1 }));
  const listsOf = async (content: string, config: Config = {}) => {
    await mkdir(join(folder, "test"), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, "test", "trusted-nodes.json"), content);
    const lines: string[] = [];
    const log: Logger = {
      ...silentLogger,
      warn: (message) => lines.push(message),
      error: (message) => lines.push(message),
      child: () => log,
    };
    const node = make({ dataDir: folder, logger: log, ...config });
    await node.start();
    const trusted = node.server?.config.trustedNodes ?? [];
    await node.stop();
    return { trusted, lines: lines.filter((line) => line.includes("node list")) };
  };

  test("good ones are taken, bad and empty ones skipped, broken files lost as a whole", async () => {
    const [one, two] = [enode(), enode()];
    expect((await listsOf(JSON.stringify([one, "", "nonsense", two]))).trusted).toHaveLength(2);
    expect(await listsOf("[")).toMatchObject({
      trusted: [],
      lines: [/deprecated/, /not JSON/].map((re) => expect.stringMatching(re) as string),
    });
    expect((await listsOf("{}")).trusted).toEqual([]);
  });

  test("a list in the config, also an empty one, puts the file aside", async () => {
    expect(await listsOf(JSON.stringify([enode()]), { p2p: { trustedNodes: [] } })).toEqual({
      trusted: [],
      lines: [],
    });
  });
});
