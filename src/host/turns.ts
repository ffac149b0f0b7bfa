import type { Clock } from "./host.ts";

/** What is begun in one turn of the event loop takes so long together, ms; the first is begun whatever it takes. */
const TURN_MS = 2;
/** Work in the middle goes on for so long before it lets the others run, ms. */
const SLICE_MS = 2;
/** What a turn that is over leaves those that wait to begin, and the shortest slice, ms. */
const LEAST_MS = 0.5;
/**
 * While new connections come, work in the middle waits, for so many turns at most: Node.js takes one connection a turn (libuv since 1.45),
 * so that with slices in between, a hundred a second would be all.
 */
const DOOR_TURNS = 8;

/**
 * Shares the turns of the event loop between all who read one clock. Two lines: what has not begun, one job of each owner after the other,
 * and what is in the middle of its work, of which one goes on each turn. So a turn stays short, whatever waits, and who asks for little is
 * not behind who asks for much.
 */
export class Turns {
  readonly #clock: Pick<Clock, "now">;
  /** Jobs not begun, by owner, the next owner first. BOUNDED by the owners: transports stop reading while theirs wait. */
  readonly #fresh = new Map<unknown, (() => void)[]>();
  /** Work in the middle. BOUNDED by who began it. */
  readonly #resting: (() => void)[] = [];
  #isArmed = false;
  /** Something was begun, and since then the loop was not seen to turn: at `#endMs` it has to. */
  #isOpen = false;
  #endMs = 0;
  #hasArrivals = false;
  #skipped = 0;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Whether a new job may be begun right now. False: the turn has had its share, or others wait; ask for a place with `begin`. */
  mayBegin(): boolean {
    if (this.#fresh.size > 0) return false;
    if (this.#isOpen) return this.#clock.now() < this.#endMs;
    // the loop is not watched for it: who is past the end asks for a place, and is told of the next turn so
    this.#isOpen = true;
    this.#endMs = this.#clock.now() + TURN_MS;
    return true;
  }

  /** Runs `job` when it is its owner's turn. It must not throw. */
  begin(owner: unknown, job: () => void): void {
    const jobs = this.#fresh.get(owner);
    if (jobs === undefined) this.#fresh.set(owner, [job]);
    else jobs.push(job);
    this.#arm();
  }

  /** Time for work that may take long: to be asked now and then. */
  slice(): Slice {
    return new Slice(this, this.#clock);
  }

  /** Resolves in a later turn, after those who asked before. */
  rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#resting.push(resolve);
      this.#arm();
    });
  }

  /** A connection came. There may be more. */
  arrived(): void {
    this.#hasArrivals = true;
  }

  /** When a slice that begins now ends: with the turn, but it has its least. */
  endOfSlice(): number {
    const now = this.#clock.now();
    return this.#isOpen ? Math.max(now + LEAST_MS, Math.min(now + SLICE_MS, this.#endMs)) : now + SLICE_MS;
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#isArmed = false;
    this.#runFresh();
    this.#isOpen = false;
    // its code runs when this function has ended
    if (this.#resting.length > 0 && !this.#isWanted()) this.#resting.shift()?.();
    this.#hasArrivals = false;
    if (this.#fresh.size > 0 || this.#resting.length > 0) this.#arm();
  };

  #runFresh(): void {
    if (this.#fresh.size === 0) return;
    const now = this.#clock.now();
    this.#endMs = this.#isOpen ? Math.max(this.#endMs, now + LEAST_MS) : now + TURN_MS;
    do {
      const next = this.#fresh.entries().next();
      if (next.done === true) return;
      const [owner, jobs] = next.value;
      this.#fresh.delete(owner);
      const job = jobs.shift();
      if (jobs.length > 0) this.#fresh.set(owner, jobs); // behind the others
      job?.();
    } while (this.#clock.now() < this.#endMs);
  }

  /** Whether new connections have the next turn. */
  #isWanted(): boolean {
    if (this.#hasArrivals && this.#skipped < DOOR_TURNS) {
      this.#skipped++;
      return true;
    }
    this.#skipped = 0;
    return false;
  }
}

/** The time that one piece of long work has. */
export class Slice {
  readonly #turns: Turns;
  readonly #clock: Pick<Clock, "now">;
  #endMs: number;

  constructor(turns: Turns, clock: Pick<Clock, "now">) {
    this.#turns = turns;
    this.#clock = clock;
    this.#endMs = turns.endOfSlice();
  }

  get isOver(): boolean {
    return this.#clock.now() >= this.#endMs;
  }

  /** Lets the others run when the time is over; undefined: there is some left, nothing to wait for. */
  giveWay(): Promise<void> | undefined {
    return this.isOver ? this.rest() : undefined;
  }

  /** Lets the others run; then there is time again. */
  async rest(): Promise<void> {
    await this.#turns.rest();
    this.#endMs = this.#turns.endOfSlice();
  }
}

const known = new WeakMap<object, Turns>();

/** The turns of those who read this clock: who shares an event loop shares its clock. */
export function turnsOf(clock: Pick<Clock, "now">): Turns {
  let turns = known.get(clock);
  if (turns === undefined) {
    turns = new Turns(clock);
    known.set(clock, turns);
  }
  return turns;
}
