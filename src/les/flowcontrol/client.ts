import type { FlowParameters } from "./parameters.ts";

/** Milliseconds of recharge kept back, because the two clocks are not one. @see geth flowcontrol/control.go:286@v1.11.6 */
const SAFETY_MARGIN_MS = 1;

/**
 * The client's lowest estimate of its buffer at one server.
 *
 * Starts full. `sent` subtracts the most a request may cost; it recharges by `minRecharge` per millisecond; a reply's buffer
 * value minus the cost of what was sent after that request raises the estimate and never lowers it.
 * Requests must be sent in the order of the `sent` calls.
 *
 * One rule is stricter than geth's: the estimate never rises above `bufferLimit` minus the cost of what is in flight. A full buffer
 * does not recharge, and the request that will drain it may still be on its way.
 * @see geth les/flowcontrol/control.go:244-385@v1.11.6
 */
export class ClientEstimate {
  #params: FlowParameters;
  #estimate: number;
  #lastMs: number;
  #sumCost = 0;
  #inFlight = 0;
  /** By request id. BOUNDED by the requests the caller has in flight. */
  readonly #pending = new Map<number, { readonly sumThen: number; readonly cost: number }>();

  constructor(params: FlowParameters, nowMs: number) {
    this.#params = params;
    this.#estimate = params.bufferLimit;
    this.#lastMs = nowMs;
  }

  get params(): FlowParameters {
    return this.#params;
  }

  /** Requests sent and neither answered nor cancelled. */
  get pending(): number {
    return this.#pending.size;
  }

  /** The estimate at that time, in cost units. */
  value(nowMs: number): number {
    this.#recharge(nowMs);
    return this.#estimate;
  }

  /**
   * Milliseconds until a request of that cost may be sent if no reply comes before; 0 = now; Infinity = never by waiting alone.
   * A request that costs the whole buffer may go when nothing is in flight and the buffer is full.
   */
  waitMs(maxCost: number, nowMs: number): number {
    const { bufferLimit, minRecharge } = this.#params;
    if (bufferLimit <= 0) return Number.POSITIVE_INFINITY;
    this.#recharge(nowMs);
    const need = Math.min(maxCost + SAFETY_MARGIN_MS * minRecharge, bufferLimit);
    if (this.#estimate >= need) return 0;
    if (minRecharge <= 0 || need > bufferLimit - this.#inFlight) return Number.POSITIVE_INFINITY;
    return (need - this.#estimate) / minRecharge;
  }

  /** Share of the buffer that would be left after a request of that cost, 0 … 1. */
  relativeAfter(maxCost: number, nowMs: number): number {
    this.#recharge(nowMs);
    return Math.max(0, this.#estimate - maxCost) / this.#params.bufferLimit;
  }

  /** Books a request. Ask {@link waitMs} first: a cost above the estimate empties it, and the server may stop us. */
  sent(id: number, maxCost: number, nowMs: number): void {
    this.#recharge(nowMs);
    this.#estimate = Math.max(0, this.#estimate - maxCost);
    this.#sumCost += maxCost;
    this.#inFlight += maxCost;
    this.#pending.set(id, { sumThen: this.#sumCost, cost: maxCost });
  }

  /**
   * A reply came, with the server's buffer value.
   * @returns false for an id that is not pending: the value is then not believed.
   */
  replied(id: number, bufferValue: number, nowMs: number): boolean {
    const sent = this.#pending.get(id);
    if (sent === undefined) return false;
    this.#recharge(nowMs);
    this.#pending.delete(id);
    this.#inFlight -= sent.cost;
    const sentLater = this.#sumCost - sent.sumThen;
    const fresh = Math.min(bufferValue, this.#params.bufferLimit) - sentLater;
    if (fresh > this.#estimate) this.#estimate = fresh;
    // only differences count, so it begins again when it can: an ever growing sum would leave the small integers, and every
    // function that V8 has compiled for them would be thrown away
    if (this.#pending.size === 0) this.#sumCost = 0;
    return true;
  }

  /**
   * The server sent a buffer value outside any reply: after a stop, which cancelled everything in flight, or as a mere update.
   * @param stillInFlight - ids that a reply is still expected for; the rest is cancelled.
   */
  resumed(bufferValue: number, nowMs: number, stillInFlight: Iterable<number> = []): void {
    const kept = new Set(stillInFlight);
    for (const [id, { cost }] of this.#pending) {
      if (kept.has(id)) continue;
      this.#pending.delete(id);
      this.#inFlight -= cost;
    }
    this.#recharge(nowMs);
    this.#estimate = Math.max(0, Math.min(bufferValue, this.#params.bufferLimit) - this.#inFlight);
  }

  /** New parameters: a higher limit adds its difference, a lower one cuts the estimate. */
  update(params: FlowParameters, nowMs: number): void {
    this.#recharge(nowMs);
    const gain = params.bufferLimit - this.#params.bufferLimit;
    this.#estimate = gain > 0 ? this.#estimate + gain : Math.min(this.#estimate, params.bufferLimit);
    this.#params = params;
  }

  #recharge(nowMs: number): void {
    if (nowMs <= this.#lastMs) return;
    const ceiling = this.#params.bufferLimit - this.#inFlight;
    if (this.#estimate < ceiling)
      this.#estimate = Math.min(ceiling, this.#estimate + this.#params.minRecharge * (nowMs - this.#lastMs));
    this.#lastMs = nowMs;
  }
}
