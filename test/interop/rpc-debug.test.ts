// long: one chain in two nodes, and every question about its traces
// The same chain in our full node and in geth 1.11.6: traces compared field by field, and what debug_, txpool_ and clique_
// say beside them.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportChain } from "#core";
import { createAddress, encodeBlock, encodeTransaction, senderOf, signTransaction } from "#core/types";
import { formatGenesis } from "#params";
import { concatBytes, fromHex, toHex } from "#util";
import { probeCall } from "../kit/contract.ts";
import { type FullBackend, fullBackend, probeAddress, users } from "../kit/full-backend.ts";
import { type Geth, type GenesisJson, requireGeth, startGeth } from "../kit/geth.ts";
import { makeProbeChain } from "../kit/probe-chain.ts";
import { addTraceBlocks, type Traced } from "../kit/trace-chain.ts";

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

let full: FullBackend | undefined;
let geth: Geth | undefined;
let folder = "";
let why = "";
const traced: Traced[] = [];

beforeAll(async () => {
  if ((await requireGeth("1.11.6", (reason) => void (why = reason))) === undefined) return;
  full = await fullBackend();
  for (const [i, tx] of (await makeProbeChain(full)).entries())
    traced.push({ name: `probe chain, ${i}`, tx });
  traced.push(...(await addTraceBlocks(full)));
  folder = mkdtempSync(join(tmpdir(), "glim-debug-"));
  const importFile = join(folder, "chain.rlp");
  writeFileSync(importFile, concatBytes(...exportChain(full.ethereum.chain)));
  // as: formatGenesis writes the shape geth reads
  const genesis = formatGenesis(full.genesis) as unknown as GenesisJson;
  const flags = ["--http.api", "eth,net,web3,admin,debug,txpool,clique,miner"];
  geth = await startGeth({ version: "1.11.6", role: "full", genesis, importFile, flags });
  await geth.atBlock(full.ethereum.chain.head.number);
});
afterAll(async () => {
  await geth?.[Symbol.asyncDispose]();
  await full?.[Symbol.asyncDispose]();
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

const isObject = (value: Json | undefined): value is { [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const hex = (text: Json | undefined) => (typeof text === "string" ? `0x${text}` : "");

/** 1.11.6's struct logs in the form of 1.17.5: texts have 0x, what is empty is left out. */
function structLogsToday(trace: Json): Json {
  if (!isObject(trace) || !Array.isArray(trace["structLogs"])) return trace;
  const structLogs = trace["structLogs"].map((line) => {
    if (!isObject(line)) return line;
    const { memory, storage, ...rest } = line;
    return {
      ...rest,
      ...(Array.isArray(memory) && memory.length > 0 ? { memory: memory.map(hex) } : {}),
      ...(isObject(storage)
        ? { storage: Object.fromEntries(Object.entries(storage).map(([k, v]) => [hex(k), hex(v)])) }
        : {}),
    };
  });
  return { ...trace, returnValue: hex(trace["returnValue"]), structLogs };
}

/** Members that 1.11.6 does not have. */
const NEWER: ReadonlySet<string> = new Set([
  "index",
  "position",
  "codeHash",
  "txHash",
  "blockTimestamp",
  "yParity",
]);

/** Errors of calls that 1.11.6 does not tell of, as no code ran. */
const UNTOLD: ReadonlySet<Json | undefined> = new Set([
  "insufficient balance for transfer",
  "max call depth exceeded",
  "contract address collision",
]);
const isUntold = (call: Json) => isObject(call) && UNTOLD.has(call["error"]);
/** Reasons of panics: 1.11.6 reads Error(string) only. */
const PANIC = "0x4e487b71";

/** Ours without what came after 1.11.6. */
function withoutNewer(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNewer);
  if (!isObject(value)) return value;
  const { calls, output } = value;
  if (Array.isArray(calls) && calls.some(isUntold)) {
    const { calls: _, ...rest } = value;
    const told = calls.filter((call) => !isUntold(call));
    return withoutNewer(told.length === 0 ? rest : { ...rest, calls: told });
  }
  if (typeof output === "string" && output.startsWith(PANIC) && "revertReason" in value) {
    const { revertReason: _, ...rest } = value;
    return withoutNewer(rest);
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      NEWER.has(name) ? [] : [[name, withoutNewer(member)]],
    ),
  );
}

/** 1.11.6's prestate in the form of 1.17.5: accounts that were not there before are left out. */
function prestateToday(trace: Json): Json {
  const tidy = (accounts: Json | undefined): Json => {
    if (!isObject(accounts)) return {};
    const rows = Object.entries(accounts).filter(
      ([, account]) => JSON.stringify(account) !== '{"balance":"0x0"}',
    );
    return Object.fromEntries(rows);
  };
  if (!isObject(trace)) return trace;
  return "post" in trace && "pre" in trace
    ? { post: trace["post"] ?? {}, pre: tidy(trace["pre"]) }
    : tidy(trace);
}

/** 1.11.6 looks at a new contract when its nonce is 1 already; it is left out on both sides, but for what it becomes. */
function withoutNew(trace: Json, created: string): Json {
  if (!isObject(trace)) return trace;
  if (!("post" in trace) || !("pre" in trace)) {
    const { [created]: _, ...rest } = trace;
    return rest;
  }
  const { [created]: after, ...post } = isObject(trace["post"]) ? trace["post"] : {};
  const { nonce: _, ...made } = isObject(after) ? after : {};
  return {
    pre: withoutNew(trace["pre"] ?? {}, created),
    post: Object.keys(made).length === 0 ? post : { ...post, [created]: made },
  };
}

const both = async (method: string, params: readonly unknown[]): Promise<[Json, Json]> => {
  if (geth === undefined || full === undefined) throw new Error("not started");
  const said = (ask: Promise<unknown>) =>
    ask.then(
      (result) => result as Json,
      (error: Error) => ({ error: error.message.replace(/^\w+_\w+: (.*) \(-?\d+\)$/s, "$1") }),
    );
  return Promise.all([said(geth.rpc(method, params)), said(full.client.request({ method, params }))]);
};

/** From 1.15 on a static call's write is found before its gas is reckoned, and called so. */
const WRITE = "out of gas: write protection";
function forgiveWrites(theirs: { [name: string]: Json }, ours: { [name: string]: Json }) {
  if (ours["error"] !== WRITE) return [theirs, ours] as const;
  if (!("pc" in ours)) return [theirs, { ...ours, error: "write protection" }] as const;
  const { gasCost: _, ...before } = theirs;
  const { gasCost: _cost, error: _error, refund: _refund, storage: _storage, ...now } = ours;
  const { refund: _r, storage: _s, ...then } = before;
  return [then, now] as const;
}

/** First place where two answers differ. */
function difference(theirs: Json | undefined, ours: Json | undefined, path = ""): string | undefined {
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
      const found = difference(theirs[i], ours[i], `${path}[${i}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isObject(theirs) && isObject(ours)) {
    const [left, right] = forgiveWrites(theirs, ours);
    for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const found = difference(left[name], right[name], `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const [a, b] = [JSON.stringify(theirs), JSON.stringify(ours)];
  return a === b ? undefined : `${path}: geth ${a?.slice(0, 300)} ours ${b?.slice(0, 300)}`;
}

const ready = (skip: (why: string) => void): boolean => {
  if (geth !== undefined) return true;
  skip(why);
  return false;
};

async function compareAll(
  questions: readonly (readonly [name: string, method: string, ...params: unknown[]])[],
  today: (theirs: Json) => Json = (theirs) => theirs,
  tidy: (answer: Json, name: string) => Json = (answer) => answer,
): Promise<void> {
  const lines: string[] = [];
  for (const [name, method, ...params] of questions) {
    const [theirs, ours] = await both(method, params);
    const found = difference(tidy(today(theirs), name), tidy(withoutNewer(ours), name));
    if (found !== undefined) lines.push(`${name}: ${found}`);
  }
  expect(lines).toEqual([]);
}

/** The contract that the transaction of that name makes is left out. */
const withoutMade = (answer: Json, name: string): Json => {
  const tx = traced.find((one) => one.name === name)?.tx;
  return tx?.to === undefined && tx !== undefined
    ? withoutNew(answer, toHex(createAddress(senderOf(tx), tx.nonce)))
    : answer;
};

/** 1.11.6 tells nothing of calls that opened no frame, nor by which opcode something was made. */
function asOldFlat(answer: Json): Json {
  if (!Array.isArray(answer)) return answer;
  const placeOf = (row: Json) =>
    isObject(row) && Array.isArray(row["traceAddress"]) ? row["traceAddress"] : [];
  const hidden = answer.filter(isUntold).map(placeOf);
  const isBelow = (place: Json[], parent: Json[]) => parent.every((one, i) => place[i] === one);
  /** Places after the hidden ones of the same call move up. */
  const moved = (place: Json[]) =>
    place.map((at, i) => {
      const before = hidden.filter(
        (one) => one.length === i + 1 && isBelow(place, one.slice(0, i)) && Number(one[i]) < Number(at),
      );
      return Number(at) - before.length;
    });
  return answer.flatMap((row) => {
    if (isUntold(row) || !isObject(row)) return [];
    const place = placeOf(row);
    const gone = hidden.filter((one) => one.length === place.length + 1 && isBelow(one, place)).length;
    const { creationMethod: _, ...action } = isObject(row["action"]) ? row["action"] : {};
    return [{ ...row, action, subtraces: Number(row["subtraces"]) - gone, traceAddress: moved(place) }];
  });
}

/** Of rows `enter …`, `exit …`: those of calls that opened no frame, of which 1.11.6 tells nothing. */
const withoutUntold = (rows: Json[]): Json[] => {
  const isEnd = (row: Json | undefined) =>
    typeof row === "string" &&
    [...UNTOLD].some((text) => row.startsWith("exit ") && row.endsWith(JSON.stringify(text).slice(1, -1)));
  return rows.filter((row, i) => !isEnd(row) && !isEnd(rows[i + 1]));
};

/** A write in a static call is found before the opcode runs since 1.15: no fault of its own, and counted as gas. */
const withoutWriteFault = (answer: Json): Json =>
  Array.isArray(answer)
    ? withoutUntold(answer).flatMap((row): Json[] => {
        if (typeof row === "string" && /^fault \d+ SSTORE$/.test(row)) return [];
        if (typeof row === "string") return [row.replace("out of gas: write protection", "write protection")];
        return isObject(row) && row["error"] === "write protection"
          ? [{ ...row, error: "Out of gas" }]
          : [row];
      })
    : answer;

/** What a tracer may ask, each with a script that asks it. */
const SCRIPTS = {
  steps: `{
    rows: [], only: "",
    setup: function(config) { this.only = JSON.parse(config).only || "" },
    step: function(log) {
      var op = log.op.toString();
      if (this.only !== "" && op !== this.only) return;
      if (this.rows.length < 200) this.rows.push([log.getPC(), op, log.getGas(), log.getDepth(), log.stack.length(), log.memory.length(),
        log.stack.length() > 0 ? log.stack.peek(0).toString(16) : "", op === "SSTORE" ? "" : log.getRefund()].join(" "));
    },
    fault: function(log) { this.rows.push("fault " + log.getPC() + " " + log.op.toString()) },
    result: function() { return this.rows },
  }`,
  context: `{
    step: function() {}, fault: function() {},
    result: function(ctx) {
      return [ctx.type, toHex(ctx.from), toHex(ctx.to), toHex(ctx.input), ctx.gas, ctx.gasUsed, ctx.value.toString(), ctx.block,
        toHex(ctx.blockHash), ctx.txIndex, toHex(ctx.txHash), ctx.error === undefined ? "" : ctx.error, ctx.error !== undefined && ctx.error !== "execution reverted" ? "" : toHex(ctx.output)];
    },
  }`,
  frames: `{
    rows: [],
    enter: function(f) {
      var value = f.getValue();
      this.rows.push(["enter", f.getType(), toHex(f.getFrom()), toHex(f.getTo()), toHex(f.getInput()), f.getGas(), value === undefined ? "" : value.toString(16)].join(" "));
    },
    exit: function(r) { this.rows.push(["exit", r.getGasUsed(), toHex(r.getOutput()), r.getError() === undefined ? "" : r.getError()].join(" ")) },
    fault: function() {},
    result: function() { return this.rows },
  }`,
  contracts: `{
    rows: [],
    step: function(log) {
      if (log.getDepth() > 3) return;
      var row = [toHex(log.contract.getAddress()), toHex(log.contract.getCaller()), log.contract.getValue().toString(), toHex(log.contract.getInput())].join(" ");
      if (this.rows[this.rows.length - 1] !== row) this.rows.push(row);
    },
    fault: function() {},
    result: function() { return this.rows },
  }`,
  state: `{
    rows: [],
    step: function(log, db) {
      var op = log.op.toString();
      if (op !== "SSTORE" && op !== "CALL" || log.getDepth() > 4) return;
      var a = log.contract.getAddress();
      var slot = toWord(log.stack.peek(0).toString(16));
      this.rows.push([op, db.getBalance(a).toString(), db.getNonce(a), db.getCode(a).length, db.exists(a), op === "SSTORE" ? toHex(db.getState(a, slot)) : ""].join(" "));
    },
    fault: function() {},
    result: function(ctx, db) { return this.rows.concat(db.getBalance(ctx.to).toString(), isPrecompiled(ctx.to), toHex(toContract(ctx.from, 3)), toHex(toContract2(ctx.from, "0x07", "0x60006000"))) },
  }`,
} as const;

const each = (config: object) =>
  traced.map(({ name, tx }) => [name, "debug_traceTransaction", toHex(tx.hash), config] as const);

describe("traces are those of geth 1.11.6", () => {
  test("struct logs: every opcode, its gas, stack, storage, refund", async ({ skip }) => {
    if (!ready(skip)) return;
    await compareAll(each({}), structLogsToday);
  });

  test("struct logs with memory, without stack and storage", async ({ skip }) => {
    if (!ready(skip)) return;
    await compareAll(each({ enableMemory: true, disableStack: true, disableStorage: true }), structLogsToday);
  });

  test("callTracer", async ({ skip }) => {
    if (!ready(skip)) return;
    await compareAll(each({ tracer: "callTracer" }));
  });

  test("callTracer with logs", async ({ skip }) => {
    if (!ready(skip)) return;
    await compareAll(each({ tracer: "callTracer", tracerConfig: { withLog: true } }));
  });

  test("callTracer, the top call only", async ({ skip }) => {
    if (!ready(skip)) return;
    await compareAll(each({ tracer: "callTracer", tracerConfig: { onlyTopCall: true } }));
  });

  test("prestateTracer", async ({ skip }) => {
    if (!ready(skip)) return;
    await compareAll(each({ tracer: "prestateTracer" }), prestateToday, withoutMade);
  });

  test("prestateTracer's differences", async ({ skip }) => {
    if (!ready(skip)) return;
    const config = { tracer: "prestateTracer", tracerConfig: { diffMode: true } };
    await compareAll(each(config), prestateToday, withoutMade);
  });

  test("4byteTracer, noopTracer", async ({ skip }) => {
    if (!ready(skip)) return;
    // 1.11.6 takes the init code of a creation for call data
    const calls = traced.flatMap(({ name, tx }) => (tx.to === undefined ? [] : [name]));
    const config = { tracer: "4byteTracer" };
    await compareAll(each(config).filter(([name]) => calls.includes(name)));
    await compareAll(each({ tracer: "noopTracer" }));
  });

  test("flatCallTracer, muxTracer, counts of opcodes", async ({ skip }) => {
    if (!ready(skip)) return;
    for (const tracerConfig of [{}, { includePrecompiles: true }])
      await compareAll(each({ tracer: "flatCallTracer", tracerConfig }), undefined, asOldFlat);
    const converted = { convertParityErrors: true };
    await compareAll(each({ tracer: "flatCallTracer", tracerConfig: converted }), undefined, (answer) =>
      asOldFlat(withoutWriteFault(answer)),
    );
    const parts = { callTracer: { withLog: true }, noopTracer: {} };
    await compareAll(each({ tracer: "muxTracer", tracerConfig: parts }));
    for (const tracer of ["opcountTracer", "unigramTracer", "bigramTracer", "trigramTracer"])
      await compareAll(each({ tracer }));
  });

  test("JavaScript tracers: steps, frames, faults, the state at each step", async ({ skip }) => {
    if (!ready(skip)) return;
    for (const tracer of Object.values(SCRIPTS))
      await compareAll(each({ tracer }), undefined, withoutWriteFault);
    const config = { tracer: SCRIPTS.steps, tracerConfig: { only: "SSTORE" } };
    await compareAll(each(config), undefined, withoutWriteFault);
  }, 240_000);

  test("whole blocks, by number, by hash, as bytes", async ({ skip }) => {
    if (!ready(skip) || full === undefined) return;
    const { chain } = full.ethereum;
    const numbers = Array.from({ length: chain.head.number }, (_, i) => i + 1);
    const config = { tracer: "callTracer" };
    const blocks = numbers.flatMap((number) => {
      const header = chain.headerByNumber(number);
      const block = header === undefined ? undefined : chain.block(header);
      return block === undefined ? [] : [block];
    });
    await compareAll([
      ...numbers.map(
        (n) => [`block ${n}`, "debug_traceBlockByNumber", `0x${n.toString(16)}`, config] as const,
      ),
      ...blocks.map((b) => ["by hash", "debug_traceBlockByHash", toHex(b.header.hash), config] as const),
      ...blocks.map((b) => ["as bytes", "debug_traceBlock", toHex(encodeBlock(b)), config] as const),
      ["genesis", "debug_traceBlockByNumber", "0x0", config],
      ["unknown", "debug_traceTransaction", `0x${"77".repeat(32)}`, config],
      ["pending", "debug_traceBlockByNumber", "0xffff", config],
    ]);
  });

  test("calls, with overrides", async ({ skip }) => {
    if (!ready(skip)) return;
    const [alice] = users;
    const call = { from: alice?.address, to: probeAddress, input: toHex(probeCall("get")) };
    const slot0 = `0x${"00".repeat(32)}`;
    for (const config of [{}, { tracer: "callTracer" }])
      await compareAll(
        [
          ["latest", "debug_traceCall", call, "latest", config],
          ["old", "debug_traceCall", call, "0x2", config],
          ["fails", "debug_traceCall", { ...call, input: toHex(probeCall("fail")) }, "latest", config],
          ["panics", "debug_traceCall", { ...call, input: toHex(probeCall("panic")) }, "latest", config],
          [
            "overridden",
            "debug_traceCall",
            call,
            "latest",
            {
              ...config,
              stateOverrides: { [probeAddress]: { stateDiff: { [slot0]: `0x${"09".repeat(32)}` } } },
              blockOverrides: { number: "0x99" },
            },
          ],
        ],
        structLogsToday,
      );
  });
});

describe("beside traces", () => {
  test("raw bytes", async ({ skip }) => {
    if (!ready(skip) || full === undefined) return;
    const { chain } = full.ethereum;
    const refs = Array.from({ length: chain.head.number + 1 }, (_, i) => [
      `0x${i.toString(16)}`,
      toHex(chain.headerByNumber(i)?.hash ?? new Uint8Array(0)),
    ]).flat();
    await compareAll([
      ...[...refs, "latest", "earliest"].flatMap((ref) => [
        [`header ${ref}`, "debug_getRawHeader", ref] as const,
        [`block ${ref}`, "debug_getRawBlock", ref] as const,
        [`receipts ${ref}`, "debug_getRawReceipts", ref] as const,
      ]),
      ...traced.map(({ name, tx }) => [name, "debug_getRawTransaction", toHex(tx.hash)] as const),
      ["unknown", "debug_getRawTransaction", `0x${"77".repeat(32)}`],
    ]);
  });

  test("storage ranges before a transaction, in pieces", async ({ skip }) => {
    if (!ready(skip) || full === undefined) return;
    const { chain } = full.ethereum;
    const hash = (number: number) => toHex(chain.headerByNumber(number)?.hash ?? new Uint8Array(0));
    const zero = `0x${"00".repeat(32)}`;
    const middle = `0x${"50".repeat(32)}`;
    // geth, an archive here, knows the slots' names, which we do not keep
    const nameless = (answer: Json): Json => {
      if (!isObject(answer) || !isObject(answer["storage"])) return answer;
      const rows = Object.entries(answer["storage"]).map(([key, entry]) => [
        key,
        isObject(entry) ? { ...entry, key: null } : entry,
      ]);
      return { ...answer, storage: Object.fromEntries(rows) };
    };
    const range = (number: number, index: number, address: string, start: string, max: number) =>
      [`${number}.${index}`, "debug_storageRangeAt", hash(number), index, address, start, max] as const;
    await compareAll(
      [
        ...Array.from({ length: 12 }, (_, i) => range(i + 1, 0, probeAddress, zero, 10)),
        range(3, 0, probeAddress, zero, 1),
        range(3, 0, probeAddress, middle, 10),
        range(4, 1, probeAddress, zero, 10),
        range(9, 5, probeAddress, zero, 10),
        range(3, 0, users[0]?.address ?? "", zero, 10),
        range(3, 7, probeAddress, zero, 10),
      ],
      nameless,
    );
  });

  test("clique_", async ({ skip }) => {
    if (!ready(skip) || full === undefined) return;
    const { chain } = full.ethereum;
    const hash = toHex(chain.head.hash);
    const some = `0x${"42".repeat(20)}`;
    const votes = (answer: Json): Json =>
      isObject(answer) && answer["votes"] === null ? { ...answer, votes: [] } : answer;
    await compareAll(
      [
        ["latest", "clique_getSnapshot"],
        ...["0x0", "0x1", "0x5", "latest"].flatMap((n) => [
          [`snapshot ${n}`, "clique_getSnapshot", n] as const,
          [`signers ${n}`, "clique_getSigners", n] as const,
        ]),
        ["signer", "clique_getSigner", "0x5"],
        ["signer of a hash", "clique_getSigner", hash],
        [
          "signer of a header",
          "clique_getSigner",
          toHex(encodeBlock({ header: chain.head, transactions: [], uncles: [] })),
        ],
        ["by hash", "clique_getSnapshotAtHash", hash],
        ["signers by hash", "clique_getSignersAtHash", hash],
        ["unknown", "clique_getSignersAtHash", `0x${"77".repeat(32)}`],
        ["status", "clique_status"],
        ["propose", "clique_propose", some, true],
        ["proposals", "clique_proposals"],
        ["discard", "clique_discard", some],
        ["no proposals", "clique_proposals"],
      ],
      votes,
    );
  });

  test("txpool_: content, contentFrom, inspect, status", async ({ skip }) => {
    if (!ready(skip) || full === undefined) return;
    const [, bob, carol] = users;
    if (bob === undefined || carol === undefined) throw new Error("no users");
    const { chain } = full.ethereum;
    const raws: string[] = [];
    for (const [who, gaps] of [
      [bob, [0n, 1n, 3n]],
      [carol, [2n]],
    ] as const) {
      const first = (await chain.state(chain.head).account(fromHex(who.address)))?.nonce ?? 0n;
      for (const gap of gaps) {
        const base = {
          chainId: 1337n,
          nonce: first + gap,
          gas: 60_000n,
          value: gap,
          input: fromHex("0x0102"),
        };
        const tx =
          gap === 1n
            ? signTransaction({ ...base, type: 0, gasPrice: 4_000_000_000n }, who.key) // makes a contract
            : signTransaction(
                {
                  ...base,
                  type: 2,
                  to: fromHex(probeAddress),
                  maxFeePerGas: 9_000_000_000n,
                  maxPriorityFeePerGas: 2_000_000_000n,
                  accessList: [],
                },
                who.key,
              );
        raws.push(toHex(encodeTransaction(tx)));
      }
    }
    for (const raw of raws) {
      const [theirs, ours] = await both("eth_sendRawTransaction", [raw]);
      expect(ours).toEqual(theirs);
    }
    await compareAll([
      ["status", "txpool_status"],
      ["content", "txpool_content"],
      ["from bob", "txpool_contentFrom", bob.address],
      ["from carol", "txpool_contentFrom", carol.address],
      ["from nobody", "txpool_contentFrom", `0x${"11".repeat(20)}`],
      ["inspect", "txpool_inspect"],
    ]);
  });
});
