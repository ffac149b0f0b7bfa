/** Who is at fault, hence what follows: see house.md §2.5. */
export type Blame = "caller" | "peer" | "network" | "environment" | "bug";

export type Backoff = "short" | "long" | "foreign";

/** What a row of an error table says beside its text. */
export interface ErrorPolicy {
  readonly blame: Blame;
  /** devp2p disconnect reason that is sent to the peer. */
  readonly disconnect?: number | undefined;
  /**
   * How long the other end is left alone: `short` half a minute; `long` an hour, half a minute if the operator named it; `foreign` an hour
   * whoever named it, for it is of another chain (F21).
   */
  readonly backoff?: Backoff | undefined;
  /** JSON-RPC code under which the error reaches an RPC client. */
  readonly rpcCode?: number | undefined;
  /** Exit code of the command line program. */
  readonly exitCode?: number | undefined;
}

interface ErrorRow extends ErrorPolicy {
  // biome-ignore lint: rows take their own data type; `never` lets any of them in
  readonly message: (data: never) => string;
}

/** Every error of our own: a code, typed data, blame, and what to do. Match on `code`, never on the text. */
export class GlimError<Data = unknown> extends Error implements ErrorPolicy {
  override readonly name = "GlimError";
  readonly code: string;
  readonly data: Data;
  readonly blame: Blame;
  readonly disconnect: number | undefined;
  readonly backoff: Backoff | undefined;
  readonly rpcCode: number | undefined;
  readonly exitCode: number | undefined;

  constructor(code: string, message: string, data: Data, policy: ErrorPolicy, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.data = data;
    this.blame = policy.blame;
    this.disconnect = policy.disconnect;
    this.backoff = policy.backoff;
    this.rpcCode = policy.rpcCode;
    this.exitCode = policy.exitCode;
  }
}

type DataOf<Row> = Row extends { message: (data: infer Data) => string } ? Data : never;

type Arguments<Data> = unknown extends Data
  ? [data?: undefined, options?: { cause?: unknown }]
  : [data: Data, options?: { cause?: unknown }];

/** Makes errors of one family: `P2pError("UNEXPECTED_IDENTITY", { want, got })` has code `P2P_UNEXPECTED_IDENTITY`. */
export interface ErrorFamily<Table extends Record<string, ErrorRow>> {
  <Kind extends keyof Table & string>(
    kind: Kind,
    ...rest: Arguments<DataOf<Table[Kind]>>
  ): GlimError<DataOf<Table[Kind]>>;
  /** True for an error of this family (of this kind, if one is named). */
  is(error: unknown, kind?: keyof Table & string): error is GlimError;
  readonly table: Table;
}

/** Declares the errors of a room as a table: kind → text from typed data, blame and policy. */
export function defineErrors<const Table extends Record<string, ErrorRow>>(
  prefix: string,
  table: Table,
): ErrorFamily<Table> {
  const make = (kind: string, data?: unknown, options?: { cause?: unknown }): GlimError => {
    const row = table[kind];
    if (row === undefined) throw new TypeError(`no error ${prefix}_${kind}`);
    // the row's own parameter type was checked at the call by ErrorFamily
    return new GlimError(`${prefix}_${kind}`, row.message(data as never), data, row, options?.cause);
  };
  const is = (error: unknown, kind?: string): error is GlimError =>
    error instanceof GlimError &&
    (kind === undefined ? error.code.startsWith(`${prefix}_`) : error.code === `${prefix}_${kind}`);
  // the call signature narrows by kind, which an arrow function cannot declare
  return Object.assign(make, { is, table }) as unknown as ErrorFamily<Table>;
}

/** True if `error` is ours and has this code. */
export function isError(error: unknown, code: string): error is GlimError {
  return error instanceof GlimError && error.code === code;
}

/** The compiler proves that this is never reached. */
export function assertNever(value: never): never {
  throw new GlimError("BUG_UNREACHABLE", `unexpected value ${String(value)}`, undefined, { blame: "bug" });
}
