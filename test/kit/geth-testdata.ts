// The vectors in geth's sources for tracers and precompiles, as `scripts/extract-vectors.mjs` lays them out below GLIM_VECTORS.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeTransaction, emptyTxRoot, type Header } from "#core/types";
import { openBlock } from "#core/vm";
import { keccak256 } from "#crypto";
import { makeTracer, TraceBudget } from "#ethapi/tracers";
import { type ChainConfig, parseGenesis, rulesAt } from "#params";
import { fromHex } from "#util";
import { headerToExecute, memoryState } from "./memory-state.ts";

const root = join(process.env["GLIM_VECTORS"] ?? "", "go-ethereum");

/** Why they cannot be run here. */
export const whyNoGethTestdata =
  process.env["GLIM_VECTORS"] === undefined
    ? "GLIM_VECTORS is not set"
    : existsSync(root)
      ? undefined
      : "go-ethereum is not in GLIM_VECTORS";

/** JSON files below that folder of geth's sources, as [name, content]. */
export function* gethTestdata(folder: string): Generator<[string, unknown]> {
  for (const file of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).sort())
    if (file.endsWith(".json")) yield [file, JSON.parse(readFileSync(join(root, folder, file), "utf8"))];
}

/** A trace: the state, the block, the transaction, and what geth's tracer made of it. */
export interface TraceVector {
  readonly genesis: {
    readonly config: Record<string, unknown>;
    readonly alloc: Record<string, object>;
    readonly baseFeePerGas?: string;
    readonly excessBlobGas?: string;
  };
  readonly context: Readonly<Record<string, string>>;
  readonly input: string;
  readonly tracerConfig?: unknown;
  readonly result: unknown;
}

const number = (text: string | undefined): bigint => BigInt(text ?? 0);

function headerOf(config: ChainConfig, { genesis, context }: TraceVector): Header {
  const fields = {
    coinbase: fromHex(context["miner"] ?? "0x"),
    difficulty: number(context["difficulty"]),
    number: Number(number(context["number"])),
    gasLimit: number(context["gasLimit"]),
    time: Number(number(context["timestamp"])),
  };
  const rules = rulesAt(config, fields);
  return headerToExecute({
    ...fields,
    ...(rules.isLondon ? { baseFee: number(context["baseFeePerGas"] ?? genesis.baseFeePerGas) } : {}),
    ...(rules.isShanghai ? { withdrawalsRoot: emptyTxRoot } : {}),
    ...(rules.isCancun ? { blobGasUsed: 0n, excessBlobGas: number(genesis.excessBlobGas) } : {}),
  });
}

/** What the tracer of that name makes of the vector's transaction, as plain JSON. */
export async function traceOf(vector: TraceVector, tracer: string): Promise<unknown> {
  const { config, alloc } = parseGenesis({ ...vector.genesis, difficulty: "0x1" });
  const header = headerOf(config, vector);
  const block = await openBlock(config, header, memoryState(alloc).reader, {
    blockHash: (n) => keccak256(Buffer.from(String(n), "latin1")),
    intermediateRoot: () => new Uint8Array(32),
    traced: true,
  });
  const tx = decodeTransaction(fromHex(vector.input));
  const env = { place: { header, tx, index: 0 }, rules: rulesAt(config, header), budget: new TraceBudget() };
  const traced = makeTracer({ tracer, tracerConfig: vector.tracerConfig }, env);
  await block.apply(tx, { tracer: traced.tracer });
  return JSON.parse(JSON.stringify(await traced.result()));
}
