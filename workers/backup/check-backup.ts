/** Reads a whole backup before anything is done with it. */
import { join } from 'node:path';
import { open } from 'node:fs/promises';
import { checksumOf, readMigrations } from '../../prisma/migration.js';
import { projectRoot } from '../project-root.js';
import { BackupError } from './errors.js';
import { readBackup, type BackupEnd, type BackupHeader } from './format.js';

export interface CheckedBackup extends BackupHeader, BackupEnd {
  /** Of all tables' data. */
  bytes: number;
}

/** @throws BackupError if the file is damaged, or a newer hivesync made it */
export async function checkBackup(path: string): Promise<CheckedBackup> {
  const file = await open(path);
  try {
    let header: BackupHeader | undefined;
    let end: BackupEnd | undefined;
    let bytes = 0;
    const tables: string[] = [];
    for await (const frame of readBackup(file, path)) {
      if (frame.kind === 'header') header = frame.header;
      else if (frame.kind === 'end') end = frame.end;
      else if (frame.kind === 'table') tables.push(frame.name);
      else bytes += frame.bytes.length;
    }
    if (!header || !end || header.tables.map(({ name }) => name).join() !== tables.join()) {
      throw new BackupError('damaged', `${path} is damaged: a part of it is missing; nothing was changed`);
    }
    refuseNewer(header, path);
    return { ...header, ...end, bytes };
  } finally {
    await file.close();
  }
}

/** A database can be brought to this version only along the migrations that this version has. */
function refuseNewer({ migrations, hiveVersion }: BackupHeader, path: string): void {
  const ours = readMigrations(join(projectRoot(), 'prisma', 'migrations'));
  const isKnown = migrations.every(({ name, checksum }, index) => {
    const own = ours[index];
    return own?.name === name && checksumOf(own) === checksum;
  });
  if (isKnown) return;
  throw new BackupError(
    'newer',
    `${path} is of hivesync ${hiveVersion}, whose database this version does not know: restore it with that version or a newer one`,
  );
}
