/** How many requests to receivers are under way in this process: no webhook or organisation takes all of them. */

const PER_WEBHOOK = 4;
const PER_ORGANIZATION = 12;

export class Places {
  readonly #taken = new Map<string, number>();

  /** Runs `work` if there is a place for it. @returns undefined at once if there is none */
  async take<T>(
    { webhookId, organizationId }: { webhookId: string; organizationId: string },
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    if (this.#of(webhookId) >= PER_WEBHOOK || this.#of(organizationId) >= PER_ORGANIZATION) return undefined;
    this.#add(webhookId, 1);
    this.#add(organizationId, 1);
    try {
      return await work();
    } finally {
      this.#add(webhookId, -1);
      this.#add(organizationId, -1);
    }
  }

  #of(id: string): number {
    return this.#taken.get(id) ?? 0;
  }

  #add(id: string, change: number): void {
    const now = this.#of(id) + change;
    if (now === 0) this.#taken.delete(id);
    else this.#taken.set(id, now);
  }
}
