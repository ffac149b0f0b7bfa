// Routers on loopback, each with real sockets, that speak as RFC 6886, RFC 8489 and the UPnP forum say.
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { nodeHost } from "#host/node";
import { SimulatedClock } from "#host/sim";
import { silentLogger } from "#log";
import { askUdp } from "./ask-udp.ts";
import {
  type Nat,
  NatError,
  natLimits,
  type NatHost,
  parseNat,
  PortMapper,
  type PortProtocol,
} from "./index.ts";

const real = nodeHost();
/** This machine's host; its addresses are loopback's. */
const host: NatHost = {
  ...real,
  localAddresses: () => [{ ip: "127.0.0.1", prefixLength: 8, isLoopback: true }],
};

async function udp(answer: (bytes: Buffer, from: { address: string; port: number }) => Buffer | undefined) {
  const socket = createSocket("udp4");
  const heard: Buffer[] = [];
  socket.on("message", (bytes, from) => {
    heard.push(bytes);
    const reply = answer(bytes, from);
    if (reply !== undefined) socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { port: socket.address().port, heard, [Symbol.dispose]: () => socket.close() };
}

const mustParse = (text: string, ...rest: [NatHost, Parameters<typeof parseNat>[2]?]): Nat => {
  const nat = parseNat(text, ...rest);
  if (nat === undefined) throw new Error(`${text} is none`);
  return nat;
};

describe("texts", () => {
  test("geth's, in any case", () => {
    for (const none of ["", "none", "off", "NONE"]) expect(parseNat(none, host)).toBeUndefined();
    const names = [
      ["any", "any"], ["auto", "any"], ["on", "any"], ["UPnP", "UPnP"], ["pmp", "NAT-PMP"], ["natpmp:192.168.0.1", "NAT-PMP(192.168.0.1)"],
      ["nat-pmp:10.0.0.1", "NAT-PMP(10.0.0.1)"], ["extip:77.12.33.4", "extip:77.12.33.4"], ["IP:2001:db8::1", "extip:2001:db8::1"],
      ["stun", "stun"], ["stun:192.168.0.1:1234", "stun:192.168.0.1:1234"], ["stun:[::1]:3478", "stun:::1:3478"],
    ] as const; // biome-ignore format: a table
    for (const [text, name] of names) expect(mustParse(text, host).name).toBe(name);
    const bad = [
      ["extip", "missing IP address"], ["extip:", "invalid IP address"], ["pmp:router", "invalid IP address"], ["magic", "unknown mechanism"],
      ["stun:host", "wants stun:HOST:PORT"], ["stun:h:0", "wants stun"], ["stun:h:65536", "wants stun"],
    ] as const; // biome-ignore format: a table
    for (const [text, why] of bad) expect(() => parseNat(text, host), text).toThrow(why);
  });

  test("extip: that address; ports are mapped by hand", async () => {
    const nat = mustParse("extip:77.12.33.4", host);
    expect(await nat.externalIp()).toBe("77.12.33.4");
    expect(await nat.addMapping("tcp", 1, 2, 600)).toBe(2);
    await nat.deleteMapping("tcp", 1, 2);
  });
});

describe("NAT-PMP", () => {
  const router = (result = 0) =>
    udp((bytes) => {
      const op = bytes[1] ?? 0;
      const head = [0, 128 + op, 0, result, 0, 0, 0, 9];
      if (op === 0) return Buffer.from([...head, 203, 0, 113, 7]);
      const wished = bytes.readUInt16BE(6);
      const given = wished === 30_303 ? 40_000 : wished; // that one is taken
      return Buffer.from([
        ...head,
        ...bytes.subarray(4, 6),
        given >> 8,
        given & 255,
        ...bytes.subarray(8, 12),
      ]);
    });

  test("address, a mapping by another port than wished, its end", async () => {
    using gateway = await router();
    const nat = mustParse("pmp:127.0.0.1", host, { pmpPort: gateway.port });
    expect(await nat.externalIp()).toBe("203.0.113.7");
    expect(await nat.addMapping("tcp", 30_303, 30_303, 600)).toBe(40_000);
    expect(await nat.addMapping("udp", 30_303, 30_304, 600)).toBe(30_304);
    await nat.deleteMapping("tcp", 30_303, 40_000);
    expect(gateway.heard.map((bytes) => bytes.toString("hex"))).toEqual([
      "0000",
      "00020000765f765f00000258",
      "00010000765f766000000258",
      "00020000765f000000000000",
    ]);
  });

  test("a refusal is an error with its reason; a short answer is one", async () => {
    using gateway = await router(2);
    const nat = mustParse("pmp:127.0.0.1", host, { pmpPort: gateway.port });
    await expect(nat.externalIp()).rejects.toMatchObject({
      code: "NAT_REFUSED",
      message: "NAT-PMP(127.0.0.1) refused: not authorized",
    });
    using short = await udp(() => Buffer.from([0, 128, 0, 0, 0, 0, 0, 0, 1]));
    await expect(
      mustParse("pmp:127.0.0.1", host, { pmpPort: short.port }).externalIp(),
    ).rejects.toMatchObject({ code: "NAT_BAD_ANSWER" });
  });

  test("asked again while nobody answers, four times in all", async () => {
    using deaf = await udp(() => undefined);
    const clock = new SimulatedClock();
    const asked = mustParse("pmp:127.0.0.1", { ...host, clock }, { pmpPort: deaf.port }).externalIp();
    const failed = expect(asked).rejects.toMatchObject({ code: "NAT_NO_ANSWER" });
    while (clock.activeTimers === 0) await clock.advance(0);
    await clock.advance(3_750);
    await failed;
    expect(clock.activeTimers).toBe(0);
  });

  test("given up while the port is being bound: nothing is sent and nothing stays", async () => {
    const clock = new SimulatedClock();
    const giveUp = new AbortController();
    const sent: Uint8Array[] = [];
    let closed = 0;
    const bindUdp: NatHost["net"]["bindUdp"] = async (local) => {
      giveUp.abort(new Error("found elsewhere"));
      return {
        local,
        onMessage() {},
        send: (bytes) => void sent.push(bytes),
        close: async () => void closed++,
      };
    };
    const to = { host: "127.0.0.1", port: 5351 };
    const asked = askUdp(
      { clock, net: { ...host.net, bindUdp } },
      to,
      new Uint8Array(2),
      () => true,
      giveUp.signal,
    );
    await expect(asked).rejects.toThrow("found elsewhere");
    expect([sent.length, closed, clock.activeTimers]).toEqual([0, 1, 0]);
  });
});

describe("STUN", () => {
  const answer = (bytes: Buffer, attributes: number[]) =>
    Buffer.from([1, 1, 0, attributes.length, ...bytes.subarray(4, 20), ...attributes]);

  test("the address xored with cookie and transaction, IPv4 and IPv6; the plain one of old servers", async () => {
    using v4 = await udp((bytes) =>
      answer(bytes, [
        0x80,
        0x22,
        0,
        3,
        65,
        66,
        67,
        0,
        0,
        0x20,
        0,
        8,
        0,
        1,
        1,
        2,
        203 ^ 0x21,
        0 ^ 0x12,
        113 ^ 0xa4,
        9 ^ 0x42,
      ]),
    );
    expect(await mustParse(`stun:127.0.0.1:${v4.port}`, host).externalIp()).toBe("203.0.113.9");
    const ip6 = [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 5];
    using v6 = await udp((bytes) =>
      answer(bytes, [0, 0x20, 0, 20, 0, 2, 1, 2, ...ip6.map((byte, i) => byte ^ (bytes[4 + i] ?? 0))]),
    );
    expect(await mustParse(`stun:127.0.0.1:${v6.port}`, host).externalIp()).toBe("2001:db8::5");
    using old = await udp((bytes) => answer(bytes, [0, 1, 0, 8, 0, 1, 1, 2, 198, 51, 100, 1]));
    expect(await mustParse(`stun:127.0.0.1:${old.port}`, host).externalIp()).toBe("198.51.100.1");
    expect(await mustParse(`stun:127.0.0.1:${old.port}`, host).addMapping("udp", 1, 2, 3)).toBe(2);
  });

  test("an answer to another question is no answer; one without an address is a bad one", async () => {
    let count = 0;
    using server = await udp((bytes) => {
      const wrong = Buffer.from(bytes);
      wrong[19] = (wrong[19] ?? 0) ^ 1;
      return count++ === 0
        ? answer(wrong, [0, 1, 0, 8, 0, 1, 1, 2, 6, 6, 6, 6])
        : answer(bytes, [0, 1, 0, 4, 0, 1, 1, 2]);
    });
    await expect(mustParse(`stun:127.0.0.1:${server.port}`, host).externalIp()).rejects.toMatchObject({
      code: "NAT_BAD_ANSWER",
    });
    expect(count).toBe(2);
  });
});

describe("UPnP", () => {
  /** An internet gateway: SSDP over UDP, description and SOAP over HTTP. */
  async function gateway({
    version = 1,
    location,
    refuse,
  }: {
    version?: 1 | 2;
    location?: string;
    refuse?: string;
  } = {}) {
    const calls: string[] = [];
    const server = createServer((request, response) => {
      if (request.method === "GET") {
        const service = `<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:${version}</serviceType><controlURL>/ctl</controlURL></service>`;
        response.end(`<?xml version="1.0"?><root><device>${service}</device></root>`);
        return;
      }
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        const action = /#(\w+)"$/.exec(String(request.headers["soapaction"]))?.[1] ?? "";
        const field = (name: string) => new RegExp(`<${name}>([^<]*)<`).exec(body)?.[1] ?? "";
        calls.push(
          `${action} ${["NewProtocol", "NewExternalPort", "NewInternalPort", "NewInternalClient", "NewLeaseDuration"].map(field).join(" ")}`.trim(),
        );
        if (action === "AddPortMapping" && field("NewExternalPort") === refuse) {
          response.statusCode = 500;
          response.end("<s:Fault><errorDescription>ConflictInMappingEntry</errorDescription></s:Fault>");
        } else if (action === "GetExternalIPAddress")
          response.end(
            "<s:Envelope><u:r><NewExternalIPAddress>203.0.113.5</NewExternalIPAddress></u:r></s:Envelope>",
          );
        else response.end("<s:Envelope><NewReservedPort>41000</NewReservedPort></s:Envelope>");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const ssdp = await udp(() =>
      Buffer.from(
        `HTTP/1.1 200 OK\r\nST: x\r\nLOCATION: ${location ?? `http://127.0.0.1:${port}/desc.xml`}\r\n\r\n`,
      ),
    );
    return {
      calls,
      places: { ssdp: { host: "127.0.0.1", port: ssdp.port } },
      [Symbol.dispose]: () => {
        ssdp[Symbol.dispose]();
        server.close();
      },
    };
  }

  test("found, asked for the address, mapped and unmapped", async () => {
    using router = await gateway();
    const nat = mustParse("upnp", host, router.places);
    expect(await nat.externalIp()).toBe("203.0.113.5");
    expect(nat.name).toBe("UPNP WANIPConnection:1");
    expect(await nat.addMapping("tcp", 30_303, 30_303, 600)).toBe(30_303);
    await nat.deleteMapping("tcp", 30_303, 30_303);
    expect(router.calls.slice(2)).toEqual([
      "AddPortMapping TCP 30303 30303 127.0.0.1 600",
      "DeletePortMapping TCP 30303",
    ]);
  });

  test("a port that is taken: four tries, then others by chance", async () => {
    using router = await gateway({ refuse: "30303" });
    const nat = mustParse(
      "any",
      { ...host, rand: { ...real.rand, int: () => 5 } },
      { ...router.places, pmpPort: 1 },
    );
    expect(await nat.addMapping("udp", 30_303, 30_303, 600)).toBe(10_005);
    expect(router.calls.filter((call) => call.startsWith("AddPortMapping UDP 30303"))).toHaveLength(4);
  });

  test("version 2 gives what port it likes", async () => {
    using router = await gateway({ version: 2 });
    expect(await mustParse("upnp", host, router.places).addMapping("udp", 30_303, 30_303, 600)).toBe(41_000);
  });

  test("who answers with another's address is not followed; nobody there is an error that says so", async () => {
    for (const location of [
      "http://192.0.2.1/desc.xml",
      "https://127.0.0.1/desc.xml",
      "file:///etc/passwd",
      "x",
    ]) {
      using router = await gateway({ location });
      const clock = new SimulatedClock();
      const asked = mustParse("upnp", { ...host, clock }, router.places).externalIp();
      const failed = expect(asked).rejects.toMatchObject({
        code: "NAT_NOT_FOUND",
        message: "no UPnP router discovered",
      });
      while (clock.activeTimers === 0) await clock.advance(0);
      await clock.advance(natLimits.upnpSearchMs);
      await failed;
      expect(router.calls).toEqual([]);
    }
  });
});

describe("PortMapper", () => {
  function world() {
    const clock = new SimulatedClock();
    const said: string[] = [];
    const router = { ip: "203.0.113.1", offset: 0, isDown: false };
    const guard = () => {
      if (router.isDown) throw NatError("NO_ANSWER", { from: "router" });
    };
    const nat: Nat = {
      name: "test",
      externalIp: async () => {
        guard();
        return router.ip;
      },
      addMapping: async (protocol, internal, external) => {
        said.push(`add ${protocol} ${internal} ${external}`);
        guard();
        return external + router.offset;
      },
      deleteMapping: async (protocol, _internal, external) => {
        said.push(`delete ${protocol} ${external}`);
      },
    };
    const mapper = new PortMapper({
      ...{ nat, host: { clock }, log: silentLogger },
      onAddress: (ip) => said.push(`ip ${ip}`),
      onPort: (protocol: PortProtocol, port) => said.push(`port ${protocol} ${port}`),
    });
    return { clock, said, router, mapper };
  }

  test("address and ports at once, again every eight minutes, taken back at the end", async () => {
    const { clock, said, mapper, router } = world();
    router.offset = 1;
    mapper.map("tcp", 30_303);
    mapper.map("udp", 30_301);
    await clock.advance(1);
    expect(said).toEqual([
      "ip 203.0.113.1",
      "add tcp 30303 30303",
      "port tcp 30304",
      "add udp 30301 30301",
      "port udp 30302",
    ]);
    said.length = 0;
    router.offset = 0;
    await clock.advance(natLimits.refreshMs);
    expect(said).toEqual(["add tcp 30303 30304", "add udp 30301 30302"]);
    said.length = 0;
    await mapper.close();
    expect(said).toEqual(["delete tcp 30304", "delete udp 30302"]);
    expect(clock.activeTimers).toBe(0);
  });

  test("F47 another address: told, and the ports are mapped anew at once", async () => {
    const { clock, said, mapper, router } = world();
    mapper.map("tcp", 30_303);
    await clock.advance(1);
    router.ip = "198.51.100.1";
    said.length = 0;
    await clock.advance(natLimits.addressMs);
    expect(said).toEqual(["ip 198.51.100.1", "add tcp 30303 30303"]);
    await mapper.close();
  });

  test("F47 a router that fails: the last port stands, tried every five minutes, given up after six, then anew", async () => {
    const { clock, said, mapper, router } = world();
    mapper.map("tcp", 30_303);
    await clock.advance(1);
    router.isDown = true;
    said.length = 0;
    await clock.advance(natLimits.addressMs);
    expect(said).toEqual(["ip undefined", "add tcp 30303 30303"]);
    await clock.advance(5 * natLimits.retryMs);
    expect(said.filter((line) => line.startsWith("add"))).toHaveLength(6);
    expect(said.at(-1)).toBe("delete tcp 30303");
    router.isDown = false;
    said.length = 0;
    await clock.advance(natLimits.retryMs);
    expect(said).toContain("port tcp 30303");
    await mapper.close();
    expect(clock.activeTimers).toBe(0);
  });

  test("a router that is not connected itself tells 0.0.0.0: no address is known then", async () => {
    const { clock, said, mapper, router } = world();
    router.ip = "0.0.0.0";
    await clock.advance(1);
    expect(said).toEqual([]);
    router.ip = "203.0.113.1";
    await clock.advance(natLimits.addressMs);
    router.ip = "0.0.0.0";
    await clock.advance(natLimits.addressMs);
    expect(said).toEqual(["ip 203.0.113.1", "ip undefined"]);
    await mapper.close();
  });

  test("F35 a router that never answers holds up no stop for more than two seconds", async () => {
    const clock = new SimulatedClock();
    const silent: Nat = {
      name: "silent",
      externalIp: async () => "203.0.113.1",
      addMapping: () => new Promise(() => {}),
      deleteMapping: () => new Promise(() => {}),
    };
    const mapper = new PortMapper({
      ...{ nat: silent, host: { clock }, log: silentLogger },
      onAddress() {},
      onPort() {},
    });
    mapper.map("tcp", 30_303);
    await clock.advance(1);
    let isClosed = false;
    const closing = mapper.close().then(() => {
      isClosed = true;
    });
    await clock.advance(natLimits.closeMs - 1);
    expect(isClosed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(clock.activeTimers).toBe(0);
  });
});
