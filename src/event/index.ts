/**
 * event: typed feeds. One event, one type; listeners are disposables, streams are bounded.
 * Events tell what happened; they never ask (house.md §2.7).
 */
export { Feed, type StreamOptions } from "./feed.ts";
export { type EventClass, EventMux } from "./mux.ts";
