/** The environment of the command: byte for byte the one that `run` got, but for two things. */

export interface EnvironmentChange {
  attemptId: string;
  /** The agent's own credentials: no variable that contains one reaches the command. */
  secrets: readonly string[];
}

/** @param environment NAME=value of each variable, as bytes */
export function commandEnvironment(
  environment: readonly Buffer[],
  { attemptId, secrets }: EnvironmentChange,
): Buffer[] {
  const own = Buffer.from(`HIVESYNC_ATTEMPT_ID=${attemptId}`);
  const kept = environment.filter(
    (variable) => !isNamed(variable, 'NODE_API_KEY') && !secrets.some((secret) => variable.includes(secret)),
  );
  const at = kept.findIndex((variable) => isNamed(variable, 'HIVESYNC_ATTEMPT_ID'));
  if (at === -1) return [...kept, own];
  return kept.map((variable, index) => (index === at ? own : variable));
}

function isNamed(variable: Buffer, name: string): boolean {
  return variable.subarray(0, name.length + 1).equals(Buffer.from(`${name}=`));
}
