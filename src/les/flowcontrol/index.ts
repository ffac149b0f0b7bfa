/**
 * les/flowcontrol: the two sides of the request buffer of `les`, as pure functions of time.
 *
 * The server grants each client a buffer of `bufferLimit` cost units that refills by `minRecharge` units per millisecond.
 * `ServerBuffer` is the server's view of one client: it charges the most a request may cost when it accepts it and gives
 * back what it did not cost when it replies. `ClientEstimate` is the client's lowest estimate of that same buffer.
 * The estimate never exceeds the buffer (T18), so a client that obeys it is never refused.
 *
 * No clock in here: every function takes `nowMs` (any monotonic milliseconds, fractions allowed). No cost table either.
 */
export type { FlowParameters } from "./parameters.ts";
export { ClientEstimate } from "./client.ts";
export { ServerBuffer, type Ticket } from "./server.ts";
