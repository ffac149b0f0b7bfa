/** Headings of `--help`; geth's. */
export const categories = [
  "ETHEREUM",
  "LIGHT CLIENT",
  "DEVELOPER CHAIN",
  "ACCOUNT",
  "API AND CONSOLE",
  "NETWORKING",
  "TRANSACTION POOL",
  "MINER",
  "PERFORMANCE TUNING",
  "LOGGING AND DEBUGGING",
  "METRICS AND STATS",
  "MISC",
] as const;

export type Category = (typeof categories)[number];

/**
 * What an option's value is.
 *
 * | Kind | In a config object | In a TOML file | As text (flag, environment) |
 * |---|---|---|---|
 * | text, choice, path | string | string | the text |
 * | port, count | number | integer | digits |
 * | decimal | number | float or integer | `1.5` |
 * | bool | boolean | boolean | nothing, `true`, `false` |
 * | list, nodes, cidrs | string[] | array of strings | comma list |
 * | networkId, wei | bigint or number | integer | digits |
 * | duration | number, ms | integer, ns | `1h0m0s`, `500ms` |
 * | key | 32 bytes | never | never: a secret comes from a file |
 * | code | anything | never | never |
 */
export type OptionKind =
  | "text"
  | "path"
  | "choice"
  | "port"
  | "count"
  | "decimal"
  | "bool"
  | "list"
  | "nodes"
  | "cidrs"
  | "networkId"
  | "wei"
  | "duration"
  | "key"
  | "code";

/** One option. From its row come type, default, check, flag, TOML key, environment variable, help and docs. */
export interface OptionRow {
  /** Its name: the place in a config object, `http.port`. */
  readonly path: string;
  /** Another name of the same field in a config object: the seed's spelling. */
  readonly seed?: string;
  readonly kind: OptionKind;
  readonly default: string | number | bigint | boolean | readonly string[] | undefined;
  /** Values of a `choice`. */
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly unit?: string;
  /** What else must hold: the text says what is wanted. Runs on values of the right kind. */
  readonly check?: (value: never) => string | undefined;
  /** Command-line flag, without dashes: geth's name where geth has one. Its variable is `GLIM_` and the name in capitals. */
  readonly flag?: string;
  /** Environment variable, where that of the flag's name is taken. */
  readonly variable?: string;
  /** geth's older names: they work and say so once. */
  readonly oldFlags?: readonly string[];
  /** Stands for the value in help: `FILE`. */
  readonly value?: string;
  /** Kind of the flag's value where the config's is another: `--port 30303` is `listenAddr: ":30303"`. */
  readonly flagKind?: OptionKind;
  /** The flag's value as the config's. */
  readonly fromFlag?: (value: never) => unknown;
  /** Key in a TOML file, with its section: geth's, else under `Glim`. */
  readonly toml?: string;
  /** Left out of `dumpconfig` while empty, as geth's `omitempty`. */
  readonly isOmittedEmpty?: boolean;
  readonly category: Category;
  readonly doc: string;
}

const isCount = (value: unknown) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isText = (value: unknown) => typeof value === "string" && !value.includes("\0");
const isTextList = (value: unknown) => Array.isArray(value) && value.every(isText);
const isWhole = (value: unknown) => isCount(value) || (typeof value === "bigint" && value >= 0n);

interface KindRule {
  readonly wanted: string;
  fits(value: unknown): boolean;
}

/** What a value of each kind is, in words and as a test. `nodes`, `cidrs`, `key` have closer checks of their own in their rows. */
const RULES: Readonly<Record<OptionKind, KindRule>> = {
  text: { wanted: "text", fits: isText },
  path: { wanted: "a path", fits: isText },
  choice: { wanted: "text", fits: isText },
  port: { wanted: "a port, 0 to 65535", fits: (value) => isCount(value) && Number(value) <= 65_535 },
  count: { wanted: "a whole number, 0 or more", fits: isCount },
  decimal: {
    wanted: "a number, 0 or more",
    fits: (value) => typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY,
  },
  bool: { wanted: "true or false", fits: (value) => typeof value === "boolean" },
  list: { wanted: "a list of texts", fits: isTextList },
  nodes: { wanted: "a list of enode URLs", fits: Array.isArray },
  cidrs: { wanted: "a list of networks (CIDR)", fits: isTextList },
  networkId: { wanted: "a whole number, 0 or more", fits: isWhole },
  wei: { wanted: "a whole number, 0 or more", fits: isWhole },
  duration: { wanted: "milliseconds, 0 or more", fits: (value) => RULES.decimal.fits(value) },
  key: {
    wanted: "32 bytes that are a secp256k1 key",
    fits: (value) => value instanceof Uint8Array && value.length === 32,
  },
  code: { wanted: "something", fits: () => true },
};

/** What is wanted instead of `value`, in words; undefined if it is right. */
export function wantedInstead(row: OptionRow, value: unknown): string | undefined {
  const rule = RULES[row.kind];
  const { wanted } = rule;
  if (!rule.fits(value)) return wanted;
  const { choices, min, max } = row;
  if (choices !== undefined && !choices.includes(String(value))) return `one of ${choices.join(", ")}`;
  if (min !== undefined && Number(value) < min) return `${wanted}, at least ${min}`;
  if (max !== undefined && Number(value) > max) return `${wanted}, at most ${max}`;
  return row.check?.(value as never); // as: the kind was checked, and the row's check takes values of its kind
}

/** The environment variable of an option with a flag: `http.port` → `GLIM_HTTP_PORT`. */
export function variableOf({ flag = "", variable }: Pick<OptionRow, "flag" | "variable">): string {
  return variable ?? `GLIM_${flag.toUpperCase().replace(/[.-]/g, "_")}`;
}
