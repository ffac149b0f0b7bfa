import type { FlowParameters } from "./parameters.ts";

/** A request the server has accepted and not yet answered. */
export interface Ticket {
  /** The most the request may cost, taken from the buffer when it was accepted. */
  readonly maxCost: number;
  /** Sum of all accepted costs right after this one. */
  readonly sumCost: number;
}

/**
 * The server's buffer for one client.
 *
 * Starts full, recharges by `minRecharge` per millisecond up to the limit. A request is accepted when the buffer holds the most
 * it may cost; when it has been answered, what it did not cost comes back.
 * @see geth les/flowcontrol/control.go:60-240@v1.11.6
 */
export class ServerBuffer {
  #params: FlowParameters;
  #value: number;
  #lastMs: number;
  #sumCost = 0;

  constructor(params: FlowParameters, nowMs: number) {
    this.#params = params;
    this.#value = params.bufferLimit;
    this.#lastMs = nowMs;
  }

  get params(): FlowParameters {
    return this.#params;
  }

  /** Buffer at that time, in cost units. */
  value(nowMs: number): number {
    this.#recharge(nowMs);
    return this.#value;
  }

  /** Takes the most a request may cost. `undefined`: the buffer holds less, the client has broken the rules. */
  accept(maxCost: number, nowMs: number): Ticket | undefined {
    this.#recharge(nowMs);
    if (maxCost > this.#value) return undefined;
    this.#value -= maxCost;
    this.#sumCost += maxCost;
    return { maxCost, sumCost: this.#sumCost };
  }

  /**
   * Books the real cost of an accepted request.
   * @returns the buffer value to report: what it was right after this request, later requests not subtracted, never below 0.
   */
  processed(ticket: Ticket, realCost: number, nowMs: number): number {
    this.#recharge(nowMs);
    const refund = Math.max(0, ticket.maxCost - realCost);
    this.#value = Math.min(this.#params.bufferLimit, this.#value + refund);
    const later = this.#sumCost - ticket.sumCost;
    return Math.max(0, Math.min(this.#params.bufferLimit, Math.floor(this.#value + later)));
  }

  /** New parameters: a higher limit adds its difference, a lower one cuts the buffer. */
  update(params: FlowParameters, nowMs: number): void {
    this.#recharge(nowMs);
    const gain = params.bufferLimit - this.#params.bufferLimit;
    this.#value = gain > 0 ? this.#value + gain : Math.min(this.#value, params.bufferLimit);
    this.#params = params;
  }

  #recharge(nowMs: number): void {
    if (nowMs <= this.#lastMs) return;
    this.#value = Math.min(
      this.#params.bufferLimit,
      this.#value + this.#params.minRecharge * (nowMs - this.#lastMs),
    );
    this.#lastMs = nowMs;
  }
}
