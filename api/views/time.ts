/** @returns the time as RFC 3339 in UTC; null if there is none */
export const iso = (time: Date | null): string | null => time?.toISOString() ?? null;
