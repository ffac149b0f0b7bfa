/** Whether making a thread failed because the system lets us have no more of them (F11). */
export const isOutOfThreads = (error: unknown): boolean =>
  error instanceof Error && /^(?:EAGAIN|ENOMEM)/.test(error.message);
