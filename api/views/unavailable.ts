/** What `unavailable` means, in a sentence for people. */

const REASONS: Readonly<Record<string, string | undefined>> = {
  not_found: 'the node no longer has the attempt',
  not_shared: 'the node does not share the task of the attempt',
  unknown_attempt: 'the hive no longer has the attempt',
};

/** @param reason the code. @returns the end of a sentence */
export function unavailableReason(reason: string | null): string {
  return REASONS[reason ?? ''] ?? 'the node can not give it';
}

/** @param reason the code */
export function whyUnavailable(reason: string | null): string {
  return `What is missing will not come: ${unavailableReason(reason)}. This ends if the node announces the attempt again.`;
}
