import type { Duplex } from "node:stream";
import type { Turns } from "#host";

/** A piece holds few messages, and a long message still comes in few pieces. */
const PIECE_BYTES = 4_096;

/**
 * What a client sends over a two-way connection, handed on in pieces: as long as the turn of the event loop has time, and the
 * messages before have been begun. Meanwhile the socket is not read, so the client waits too. BOUNDED: one chunk of the socket
 * that is not handed on, and the messages of one piece that are not begun.
 */
export class Intake {
  readonly #socket: Duplex;
  readonly #turns: Turns;
  readonly #owner: unknown;
  readonly #take: (piece: Buffer) => void;
  #rest: Buffer | undefined;
  #isHeld = false;
  #isInLine = false;

  /** @param owner - whose messages they are: those that wait for their turn are before the next piece */
  constructor(socket: Duplex, turns: Turns, owner: unknown, take: (piece: Buffer) => void) {
    this.#socket = socket;
    this.#turns = turns;
    this.#owner = owner;
    this.#take = take;
    socket.on("data", (chunk: Buffer) => {
      this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#go();
    });
    socket.on("close", () => {
      this.#rest = undefined;
    });
  }

  /** Hands nothing on until `release`. */
  hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#go();
  }

  #go(): void {
    while (this.#rest !== undefined && !this.#isHeld && !this.#isInLine) {
      if (!this.#turns.mayBegin()) {
        this.#isInLine = true;
        this.#turns.begin(this.#owner, this.#onTurn);
        break;
      }
      this.#takePiece();
    }
    if (this.#isHeld || this.#isInLine) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  readonly #onTurn = (): void => {
    this.#isInLine = false;
    if (!this.#isHeld) this.#takePiece();
    this.#go();
  };

  #takePiece(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    this.#rest = rest.length > PIECE_BYTES ? rest.subarray(PIECE_BYTES) : undefined;
    this.#take(rest.length > PIECE_BYTES ? rest.subarray(0, PIECE_BYTES) : rest);
  }
}
