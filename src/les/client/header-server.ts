import type { Body, Header, Receipt } from "#core/types";
import type { DownloadPeer, HeadersQuery, RequestOptions } from "#eth/downloader";
import { headersRequest, LightError } from "#light";
import { clientLimits } from "./limits.ts";
import type { Retriever } from "./retriever.ts";
import type { RemoteHead, ServerPeer } from "./server-peer.ts";

/** One server at one of its heads, as the downloader sees peers: it gives headers and nothing else. */
export class HeaderServer implements DownloadPeer {
  readonly id: string;
  readonly head: RemoteHead;
  readonly headersInFlight = clientLimits.headerRequestsInFlight;
  readonly #server: ServerPeer;
  readonly #retriever: Pick<Retriever, "retrieve">;

  constructor(server: ServerPeer, head: RemoteHead, retriever: Pick<Retriever, "retrieve">) {
    this.id = server.peer.id;
    this.head = head;
    this.#server = server;
    this.#retriever = retriever;
  }

  requestHeaders(query: HeadersQuery, { signal }: RequestOptions): Promise<readonly Header[]> {
    const request = headersRequest({ ...query, head: this.head.number });
    return this.#retriever.retrieve(request, { only: (other) => other === this.#server, signal });
  }

  requestBodies(): Promise<readonly Body[]> {
    return Promise.reject(LightError("NO_SUITABLE_SERVER", { what: "bodies" }));
  }

  requestReceipts(): Promise<readonly (readonly Receipt[])[]> {
    return Promise.reject(LightError("NO_SUITABLE_SERVER", { what: "receipts" }));
  }

  /** Who is to blame, and for what, is judged by `HeadSync`, which hears of the same error. */
  drop(): void {}
}
