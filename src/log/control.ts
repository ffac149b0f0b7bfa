import { levelNumber, type LogLevel, logLevels } from "./levels.ts";

interface Rule {
  readonly pattern: RegExp;
  readonly level: number;
}

/** BOUNDED: rules of one control. */
const MAX_RULES = 256;

/** `p2p=5,eth/*=4` → rules by room. @throws RangeError with what is wrong */
export function parseVmodule(text: string): readonly Rule[] {
  const parts = text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  if (parts.length > MAX_RULES) throw new RangeError(`more than ${MAX_RULES} rules`);
  return parts.map((part) => {
    const [, room = "", level = ""] = /^([\w./*-]{1,100})=([0-5])$/.exec(part) ?? [];
    if (room === "")
      throw new RangeError(`"${part.slice(0, 40)}" is not room=level with a level from 0 to 5`);
    const source = room.replace(/\.go$/, "").replace(/[.]/g, "\\.").replaceAll("*", ".*");
    return { pattern: new RegExp(`(^|/)${source}(/|$)`), level: Number(level) };
  });
}

/** Which lines a logger prints: up to a level, and by room where rules say otherwise. Changed while it runs. */
export class LogControl {
  #level: number;
  #rules: readonly Rule[] = [];
  /** What a room's rules came to. BOUNDED: rooms are a program's own. */
  readonly #byRoom = new Map<string, number>();

  constructor(level: LogLevel) {
    this.#level = levelNumber(level);
  }

  get level(): LogLevel {
    return logLevels[this.#level] ?? "info";
  }

  setLevel(level: LogLevel): void {
    this.#level = levelNumber(level);
  }

  /** @throws RangeError for what are no rules */
  setVmodule(text: string): void {
    this.#rules = parseVmodule(text);
    this.#byRoom.clear();
  }

  lets(level: LogLevel, room: string): boolean {
    const wanted = levelNumber(level);
    return wanted <= (this.#rules.length === 0 ? this.#level : this.#levelOf(room));
  }

  /** The last rule that fits a room decides; without one, the level of all. */
  #levelOf(room: string): number {
    const known = this.#byRoom.get(room);
    if (known !== undefined) return known < 0 ? this.#level : known;
    const level = this.#rules.findLast(({ pattern }) => pattern.test(room))?.level ?? -1;
    this.#byRoom.set(room, level);
    return level < 0 ? this.#level : level;
  }
}
