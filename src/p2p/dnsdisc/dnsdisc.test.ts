// Vectors and behaviours of geth p2p/dnsdisc/{tree,client}_test.go@v1.17.5, and the attacks of DI-15.
import { describe, expect, test } from "vitest";
import { keccak256, parsePrivateKey, type PrivateKey, publicKeyOf, recover } from "#crypto";
import { nodeIdOf } from "#enode";
import { enrEntries, enrPair, type Enr, parseEnr, signEnr } from "#enr";
import type { Dns } from "#host";
import { HostError } from "#host";
import { SimulatedClock, seededRand } from "#host/sim";
import { bigintToBytes, fromHex, utf8Encode } from "#util";
import { formatBase32, parseBase32 } from "./base32.ts";
import { ClientTree } from "./client-tree.ts";
import { DnsLists, formatTreeUrl, makeTree } from "./index.ts";
import {
  formatBranch,
  formatRoot,
  nameOf,
  parseEntry,
  parseRoot,
  parseTreeUrl,
  type Root,
} from "./entries.ts";
import { dnsdiscLimits as limits } from "./limits.ts";

const key = parsePrivateKey(fromHex("0xdc599867fc513f8f5e2c2c9c489cde5e71362d1d9ec6e693e0de063236ed1240"));
const publicKey = publicKeyOf(key);
const keyOf = (n: number): PrivateKey => parsePrivateKey(bigintToBytes(BigInt(n + 1), 32));
const recordOf = (n: number, seq = 1n, ip = `203.0.${n >> 8}.${n & 255}`): Enr =>
  signEnr(
    {
      seq,
      pairs: [enrPair(enrEntries.ip, ip), enrPair(enrEntries.tcp, 30303), enrPair(enrEntries.udp, 30303)],
    },
    keyOf(n),
  );
const records = (count: number, from = 0): Enr[] =>
  Array.from({ length: count }, (_, i) => recordOf(from + i));

/** A DNS of these records, which counts what it is asked. */
class Zone implements Pick<Dns, "txt"> {
  readonly records: Map<string, string>;
  readonly asked: string[] = [];
  constructor(...parts: readonly ReadonlyMap<string, string>[]) {
    this.records = new Map(parts.flatMap((part) => [...part]));
  }
  async txt(name: string): Promise<readonly string[]> {
    this.asked.push(name);
    const text = this.records.get(name);
    if (text === undefined) throw HostError("LOOKUP_FAILED", { name, why: "ENOTFOUND" });
    return ["v=spf1 -all", text];
  }
}

function lists(dns: Zone, ...urls: string[]) {
  const clock = new SimulatedClock();
  const it = new DnsLists({ urls, host: { clock, rand: seededRand(1), dns } });
  return { clock, it };
}

/** The ids of the next `count` nodes, time passing as it must. */
async function take({ clock, it }: ReturnType<typeof lists>, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const next = it.next();
    let isThere = false;
    void next.then(() => {
      isThere = true;
    });
    for (let s = 0; s < 4_000 && !isThere; s++) await clock.advance(500);
    const node = await next;
    if (node === undefined) break;
    ids.push(node.id);
  }
  return ids;
}
const idsOf = (list: readonly Enr[]) => list.map((record) => nodeIdOf(record.publicKey)).sort();
const sorted = (ids: readonly string[]) => [...new Set(ids)].sort();

/** A list of nothing but branches, from the one named `top` on. */
function branches(top: string, childrenOf: (name: string) => readonly string[]): ClientTree {
  const root: Root = { nodes: top, links: "none", seq: 1, signature: new Uint8Array(), signed: "" };
  return new ClientTree(parseTreeUrl(formatTreeUrl({ publicKey, domain: "n" })), 0, {
    clock: new SimulatedClock(),
    rand: seededRand(1),
    root: async () => root,
    entry: async (_link, name) => ({ type: "branch", children: childrenOf(name) }),
  });
}

describe("texts", () => {
  test("base32: RFC 4648 §10 without padding, and what is none", () => {
    const vectors = [
      ["", ""],
      ["f", "MY"],
      ["fo", "MZXQ"],
      ["foo", "MZXW6"],
      ["foob", "MZXW6YQ"],
      ["fooba", "MZXW6YTB"],
      ["foobar", "MZXW6YTBOI"],
    ] as const;
    for (const [plain, text] of vectors) {
      expect(formatBase32(Buffer.from(plain))).toBe(text);
      expect(Buffer.from(parseBase32(text) ?? [1]).toString()).toBe(plain);
    }
    for (const text of ["M", "MZX", "my", "M1", "MY======"]) expect(parseBase32(text)).toBeUndefined();
  });

  test("roots: geth's three", () => {
    const root = (text: string) => () => parseRoot(text, { domain: "n", publicKey });
    expect(
      root(
        "enrtree-root:v1 e=TO4Q75OQ2N7DX4EOOR7X66A6OM seq=3 sig=N-YY6UB9xD0hFx1Gmnt7v0RfSxch5tKyry2SRDoLx7B4GfPXagwLxQqyf7gAMvApFn_ORwZQekMWa_pXrcGCtw",
      ),
    ).toThrow(/invalid syntax/);
    expect(
      root(
        "enrtree-root:v1 e=TO4Q75OQ2N7DX4EOOR7X66A6OM l=TO4Q75OQ2N7DX4EOOR7X66A6OM seq=3 sig=N-YY6UB9xD0hFx1Gmnt7v0RfSxch5tKyry2SRDoLx7B4GfPXagwLxQqyf7gAMvApFn_ORwZQekMWa_pXrcGCtw",
      ),
    ).toThrow(/invalid base64 signature/);
    const good =
      "enrtree-root:v1 e=QFT4PBCRX4XQCV3VUYJ6BTCEPU l=JGUFMSAGI7KZYB3P7IZW4S5Y3A seq=3 sig=3FmXuVwpa8Y7OstZTx9PIb1mt8FrW7VpDOFv4AaGCsZ2EIHmhraWhe4NxYhQDlw5MjeFXYMbJjsPeKlHzmJREQE";
    // geth's test does not say who signed it: the signature does
    const [signed = "", sig = ""] = good.split(" sig=");
    const signer = recover(keccak256(utf8Encode(signed)), new Uint8Array(Buffer.from(sig, "base64url")));
    expect(parseRoot(good, { domain: "n", publicKey: signer ?? publicKey })).toMatchObject({
      nodes: "QFT4PBCRX4XQCV3VUYJ6BTCEPU",
      links: "JGUFMSAGI7KZYB3P7IZW4S5Y3A",
      seq: 3,
    });
    expect(root(good)).toThrow(/not signed by the list's key/);
    expect(root(good.replace("seq=3", "seq=4"))).toThrow(/not signed by the list's key/);
  });

  test("entries: geth's table", () => {
    const entry = (text: string) => parseEntry("x.n", text);
    expect(() => entry("enrtree-branch:1,2")).toThrow(/invalid child hash/);
    expect(() => entry(`enrtree-branch:${"A".repeat(53)}`)).toThrow(/invalid child hash/);
    expect(entry("enrtree-branch:")).toEqual({ type: "branch", children: [] });
    expect(entry("enrtree-branch:AAAAAAAAAAAAAAAAAAAA,BBBBBBBBBBBBBBBBBBBB")).toEqual({
      type: "branch",
      children: ["AAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBB"],
    });
    expect(
      entry("enrtree://AKPYQIUQIL7PSIACI32J7FGZW56E5FKHEFCCOFHILBIMW3M6LWXS2@nodes.example.org"),
    ).toMatchObject({ type: "link", link: { domain: "nodes.example.org", publicKey } });
    expect(() => entry("enrtree://nodes.example.org")).toThrow(/missing public key/);
    for (const bad of [
      "AP62DT7WOTEQZGQZOU474PP3KMEGVTTE7A7NPRXKX3DUD57",
      "AP62DT7WONEQZGQZOU474PP3KMEGVTTE7A7NPRXKX3DUD57TQHGIA",
    ])
      expect(() => entry(`enrtree://${bad}@nodes.example.org`)).toThrow(/invalid public key/);
    expect(
      entry(
        "enr:-HW4QES8QIeXTYlDzbfr1WEzE-XKY4f8gJFJzjJL-9D7TC9lJb4Z3JPRRz1lP4pL_N_QpT6rGQjAU9Apnc-C1iMP36OAgmlkgnY0iXNlY3AyNTZrMaED5IdwfMxdmR8W37HqSFdQLjDkIwBd4Q_MjxgZifgKSdM",
      ),
    ).toMatchObject({ type: "node" });
    expect(() =>
      entry(
        "enr:-HW4QLZHjM4vZXkbp-5xJoHsKSbE7W39FPC8283X-y8oHcHPTnDDlIlzL5ArvDUlHZVDPgmFASrh7cWgLOLxj4wprRkHgmlkgnY0iXNlY3AyNTZrMaEC3t2jLMhDpCDX5mbSEwDn4L3iUfyXzoO8G28XvjGRkrAg=",
      ),
    ).toThrow(/invalid node record/);
    for (const other of ["", "foo", "enrtree", "enrtree-x="]) expect(entry(other)).toBeUndefined();
  });

  test("a list's URL, both ways", () => {
    const url = "enrtree://AKPYQIUQIL7PSIACI32J7FGZW56E5FKHEFCCOFHILBIMW3M6LWXS2@n";
    expect(formatTreeUrl(parseTreeUrl(url))).toBe(url);
    for (const bad of [
      "http://x",
      "enrtree://@n",
      "enrtree://AKPYQIUQIL7PSIACI32J7FGZW56E5FKHEFCCOFHILBIMW3M6LWXS2@",
      "enrtree://AKPYQIUQIL7PSIACI32J7FGZW56E5FKHEFCCOFHILBIMW3M6LWXS2@a b",
    ])
      expect(() => parseTreeUrl(bad)).toThrow(/invalid DNS discovery URL/);
  });
});

/** The example of EIP-1459, as geth's test has it. */
const example = new Map([
  [
    "n",
    "enrtree-root:v1 e=JWXYDBPXYWG6FX3GMDIBFA6CJ4 l=C7HRFPF3BLGF3YR4DY5KX3SMBE seq=1 sig=o908WmNp7LibOfPsr4btQwatZJ5URBr2ZAuxvK4UWHlsB9sUOTJQaGAlLPVAhM__XJesCHxLISo94z5Z2a463gA",
  ],
  [
    "C7HRFPF3BLGF3YR4DY5KX3SMBE.n",
    "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@morenodes.example.org",
  ],
  [
    "JWXYDBPXYWG6FX3GMDIBFA6CJ4.n",
    "enrtree-branch:2XS2367YHAXJFGLZHVAWLQD4ZY,H4FHT4B454P6UXFD7JCYQ5PWDY,MHTDO6TMUBRIA2XWG5LUDACK24",
  ],
  [
    "2XS2367YHAXJFGLZHVAWLQD4ZY.n",
    "enr:-HW4QOFzoVLaFJnNhbgMoDXPnOvcdVuj7pDpqRvh6BRDO68aVi5ZcjB3vzQRZH2IcLBGHzo8uUN3snqmgTiE56CH3AMBgmlkgnY0iXNlY3AyNTZrMaECC2_24YYkYHEgdzxlSNKQEnHhuNAbNlMlWJxrJxbAFvA",
  ],
  [
    "H4FHT4B454P6UXFD7JCYQ5PWDY.n",
    "enr:-HW4QAggRauloj2SDLtIHN1XBkvhFZ1vtf1raYQp9TBW2RD5EEawDzbtSmlXUfnaHcvwOizhVYLtr7e6vw7NAf6mTuoCgmlkgnY0iXNlY3AyNTZrMaECjrXI8TLNXU0f8cthpAMxEshUyQlK-AM0PW2wfrnacNI",
  ],
  [
    "MHTDO6TMUBRIA2XWG5LUDACK24.n",
    "enr:-HW4QLAYqmrwllBEnzWWs7I5Ev2IAs7x_dZlbYdRdMUx5EyKHDXp7AV5CkuPGUPdvbv1_Ms1CPfhcGCvSElSosZmyoqAgmlkgnY0iXNlY3AyNTZrMaECriawHKWdDRk2xeZkrOXBQ0dfMFLHY4eENZwdufn1S1o",
  ],
]);
const exampleUrl = "enrtree://AKPYQIUQIL7PSIACI32J7FGZW56E5FKHEFCCOFHILBIMW3M6LWXS2@n";

describe("a whole list", () => {
  test("EIP-1459's example", async () => {
    const { it } = lists(new Zone(example));
    const { seq, nodes, links } = await it.readAll(exampleUrl);
    expect(seq).toBe(1);
    const want = [...example.values()].filter((text) => text.startsWith("enr:")).map(parseEnr);
    expect(sorted(nodes.map(({ id }) => id))).toEqual(idsOf(want));
    expect(links.map(formatTreeUrl)).toEqual([
      "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@morenodes.example.org",
    ]);
  });

  test("a bad record in it ends it", async () => {
    const zone = new Zone(
      new Map([
        [
          "n",
          "enrtree-root:v1 e=INDMVBZEEQ4ESVYAKGIYU74EAA l=C7HRFPF3BLGF3YR4DY5KX3SMBE seq=3 sig=Vl3AmunLur0JZ3sIyJPSH6A3Vvdp4F40jWQeCmkIhmcgwE4VC5U9wpK8C_uL_CMY29fd6FAhspRvq2z_VysTLAA",
        ],
        ["C7HRFPF3BLGF3YR4DY5KX3SMBE.n", example.get("C7HRFPF3BLGF3YR4DY5KX3SMBE.n") ?? ""],
        ["INDMVBZEEQ4ESVYAKGIYU74EAA.n", "enr:-----"],
      ]),
    );
    await expect(lists(zone).it.readAll(exampleUrl)).rejects.toThrow(
      "invalid node list entry at INDMVBZEEQ4ESVYAKGIYU74EAA.n: invalid node record",
    );
  });

  test("what makeTree makes, of 500 nodes", async () => {
    const nodes = records(500);
    const { url, records: texts } = makeTree({ seq: 7, nodes, domain: "big.example" }, key);
    for (const text of texts.values()) expect(text.length).toBeLessThanOrEqual(512);
    const { it, clock } = lists(new Zone(texts));
    const reading = it.readAll(url);
    void reading.catch(() => {});
    for (let s = 0; s < 29; s++) await clock.advance(1_000);
    await clock.advance(2_000);
    // 540 lookups at three a second are more than half a minute
    await expect(reading).rejects.toMatchObject({ code: "DNSDISC_TOO_SLOW" });
  });
});

describe("nodes one at a time", () => {
  test("every node of a list, then again from the beginning", async () => {
    const nodes = records(30);
    const { url, records: texts } = makeTree({ seq: 1, nodes, domain: "n" }, key);
    const zone = new Zone(texts);
    const world = lists(zone, url);
    expect(sorted(await take(world, 30))).toEqual(idsOf(nodes));
    const asked = zone.asked.length;
    expect(sorted(await take(world, 30))).toEqual(idsOf(nodes));
    expect(zone.asked.length).toBe(asked); // out of the cache
    world.it.close();
    expect(await world.it.next()).toBeUndefined();
  });

  test("at most ten lookups at once, then three a second", async () => {
    const { url, records: texts } = makeTree({ seq: 1, nodes: records(100), domain: "n" }, key);
    const zone = new Zone(texts);
    const { clock, it } = lists(zone, url);
    void (async () => {
      while ((await it.next()) !== undefined);
    })();
    await clock.advance(0);
    expect(zone.asked.length).toBe(10);
    await clock.advance(10_000);
    expect(zone.asked.length).toBe(40);
    it.close();
    await clock.advance(0);
    expect(clock.activeTimers).toBe(0);
  });

  test("linked lists are read too, and no more when the link is gone", async () => {
    const one = makeTree({ seq: 1, nodes: records(10), domain: "t1" }, key);
    const two = makeTree({ seq: 1, nodes: records(30, 10), links: [one.url], domain: "t2" }, key);
    const zone = new Zone(one.records, two.records);
    const world = lists(zone, two.url);
    expect(sorted(await take(world, 120))).toEqual(idsOf(records(40)));
    for (const [name, text] of makeTree({ seq: 2, nodes: records(30, 10), domain: "t2" }, key).records)
      zone.records.set(name, text);
    await world.clock.advance(limits.recheckMs);
    await take(world, 20); // somewhere here the root is looked up
    expect(sorted(await take(world, 60))).toEqual(idsOf(records(30, 10)));
  });

  test("an update is found half an hour later, and at once when entries are gone", async () => {
    const before = records(25);
    const after = [...Array.from({ length: 25 }, (_, n) => recordOf(n, 2n)), ...records(5, 25)];
    const first = makeTree({ seq: 1, nodes: before, domain: "n" }, key);
    const second = makeTree({ seq: 2, nodes: after, domain: "n" }, key);
    const zone = new Zone(first.records);
    const world = lists(zone, first.url);
    await take(world, 25);
    for (const [name, text] of second.records) zone.records.set(name, text);
    expect(sorted(await take(world, 25))).toEqual(idsOf(before));
    await world.clock.advance(limits.recheckMs);
    expect(sorted(await take(world, 60))).toEqual(idsOf(after));

    const other = new Zone(first.records);
    const fresh = lists(other, first.url);
    await take(fresh, 5);
    other.records.clear();
    for (const [name, text] of second.records) other.records.set(name, text);
    expect(sorted(await take(fresh, 60)).length).toBeGreaterThanOrEqual(30);
  });

  test("an empty list waits for its next version", async () => {
    const empty = makeTree({ seq: 1, nodes: [], domain: "n" }, key);
    const zone = new Zone(empty.records);
    const { clock, it } = lists(zone, empty.url);
    const next = it.next();
    await clock.advance(60_000);
    expect(zone.asked.length).toBe(2); // nodes and links have one and the same empty branch
    for (const [name, text] of makeTree({ seq: 2, nodes: records(1), domain: "n" }, key).records)
      zone.records.set(name, text);
    await clock.advance(limits.recheckMs);
    expect((await next)?.id).toBe(idsOf(records(1))[0]);
  });

  test("F45 a dead DNS: nothing is thrown, tries become rare, close ends it", async () => {
    const zone = new Zone();
    const { clock, it } = lists(zone, exampleUrl);
    const next = it.next();
    await clock.advance(120_000);
    expect(zone.asked.length).toBeGreaterThan(10);
    expect(zone.asked.length).toBeLessThan(40);
    it.close();
    expect(await next).toBeUndefined();
    expect(clock.activeTimers).toBe(0);
  });
});

describe("DI-15 lists that lie", () => {
  const tree = makeTree({ seq: 5, nodes: records(3), domain: "n" }, key);
  const code = (zone: Zone, url = tree.url) =>
    lists(zone)
      .it.readAll(url)
      .then(
        () => "read",
        (error: { code: string }) => error.code,
      );

  test("DI-15 a root that is not signed, or by another: nothing below it is looked up", async () => {
    const zone = new Zone(makeTree({ seq: 5, nodes: records(3), domain: "n" }, keyOf(9)).records);
    expect(await code(zone)).toBe("DNSDISC_BAD_SIGNATURE");
    zone.records.set(
      "n",
      "enrtree-root:v1 e=JWXYDBPXYWG6FX3GMDIBFA6CJ4 l=C7HRFPF3BLGF3YR4DY5KX3SMBE seq=1 sig=",
    );
    expect(await code(zone)).toBe("DNSDISC_BAD_ENTRY");
    zone.records.set("n", "hello");
    expect(await code(zone)).toBe("DNSDISC_NO_ENTRY");
    expect(zone.asked).toEqual(["n", "n", "n"]);
  });

  test("DI-15 an entry that is not what its name says, one of 64 KiB", async () => {
    const zone = new Zone(tree.records);
    const leaf = [...tree.records].find(([, text]) => text.startsWith("enr:"))?.[0] ?? "";
    zone.records.set(leaf, example.get("2XS2367YHAXJFGLZHVAWLQD4ZY.n") ?? "");
    expect(await code(zone)).toBe("DNSDISC_HASH_MISMATCH");
    zone.records.set(leaf, `enrtree-branch:${"A,".repeat(32_768)}`);
    expect(await code(zone)).toBe("DNSDISC_BAD_ENTRY");
  });

  test("DI-15 a root older than the one we know is not taken", async () => {
    const zone = new Zone(tree.records);
    const world = lists(zone, tree.url);
    await take(world, 3);
    for (const [name, text] of makeTree({ seq: 4, nodes: records(3, 50), domain: "n" }, key).records)
      zone.records.set(name, text);
    await world.clock.advance(limits.recheckMs);
    expect(sorted(await take(world, 9))).toEqual(idsOf(records(3)));
  });

  test("DI-15 more than is asked for in half a minute, a branch that names itself", async () => {
    const zone = new Zone(makeTree({ seq: 1, nodes: records(200), domain: "n" }, key).records);
    const put = (text: string) => {
      zone.records.set(`${nameOf(text)}.n`, text);
      return nameOf(text);
    };
    const none = put(formatBranch([]));
    const clock = new SimulatedClock();
    const it = new DnsLists({ urls: [], host: { clock, rand: seededRand(1), dns: zone } });
    const reading = it
      .readAll(formatTreeUrl({ publicKey, domain: "n" }))
      .catch((error: { code: string }) => error.code);
    await clock.advance(limits.syncMs - 1);
    expect(zone.asked.length).toBeLessThanOrEqual(limits.burst + limits.syncMs / limits.everyMs + 1);
    await clock.advance(1);
    expect(await reading).toBe("DNSDISC_TOO_SLOW"); // so many are never asked for in half a minute
    expect(clock.activeTimers).toBe(0);

    const loop = formatBranch([none]);
    zone.records.set("n", formatRoot({ nodes: put(loop), links: none, seq: 2 }, key));
    const again = lists(zone);
    expect((await again.it.readAll(formatTreeUrl({ publicKey, domain: "n" }))).nodes).toEqual([]);
  });

  test.each([
    [limits.entries - 1, "read"],
    [limits.entries, "DNSDISC_TOO_BIG"],
  ])("attack/DI-15 a tree of one root entry and %i below it: %s", async (below, outcome) => {
    const names = Array.from({ length: below - 2 }, (_, n) => String(n));
    const children = new Map<string, readonly string[]>([
      ["none", []],
      ["top", ["deep", "deep", "wide", "top"]], // twice the same, and itself
      ["deep", ["wide", "deep"]],
      ["wide", names],
    ]);
    let asked = 0;
    const tree = branches("top", (name) => {
      asked++;
      return children.get(name) ?? [];
    });
    const end = await tree.readAll().then(
      () => "read",
      (error: { code: string }) => error.code,
    );
    expect([end, asked <= limits.entries + 1]).toEqual([outcome, true]);
  });

  test("attack/DI-15 a chain of branches 10,000 deep is walked without a stack, and ends at the bound", async () => {
    let asked = 0;
    const tree = branches("0", (name) => {
      asked++;
      return name === "none" ? [] : [String(Number(name) + 1)];
    });
    await expect(tree.readAll()).rejects.toMatchObject({ code: "DNSDISC_TOO_BIG" });
    expect(asked).toBe(limits.entries + 1); // and the links' one
  });

  test("DI-15 a list that links to itself and to others without end: 16 deep, 64 in all", async () => {
    const zone = new Zone();
    let url = makeTree({ seq: 1, nodes: records(1), domain: "t40" }, key).url;
    for (let n = 40; n >= 0; n--) {
      const domain = `t${n}`;
      const own = formatTreeUrl({ publicKey, domain });
      const made = makeTree({ seq: 1, nodes: [recordOf(n)], links: [own, url], domain }, key);
      for (const [name, text] of made.records) zone.records.set(name, text);
      url = own;
    }
    const world = lists(zone, url);
    const ids = sorted(await take(world, 2_000));
    expect(ids).toEqual(idsOf(records(limits.linksDeep + 1)));
  });

  test("DI-15 addresses of local networks are passed over, unless the lists are ours", async () => {
    const local = ["10.0.0.1", "192.168.1.1", "127.0.0.1", "169.254.0.1"].map((ip, n) =>
      recordOf(100 + n, 1n, ip),
    );
    const { url, records: texts } = makeTree({ seq: 1, nodes: [...local, ...records(2)], domain: "n" }, key);
    expect(sorted(await take(lists(new Zone(texts), url), 6))).toEqual(idsOf(records(2)));
    const clock = new SimulatedClock();
    const it = new DnsLists({
      urls: [url],
      allowLan: true,
      host: { clock, rand: seededRand(1), dns: new Zone(texts) },
    });
    expect(sorted(await take({ clock, it }, 6))).toEqual(idsOf([...local, ...records(2)]));
  });
});
