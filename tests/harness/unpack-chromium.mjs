/**
 * Unpacks the Chromium that npm brings into TMPDIR (tests/console/harness/chromium.ts). A process of its own, because the
 * package knows only the system's temporary directory, and Jest can't change that for what it runs.
 */
import chromium from '@sparticuz/chromium';

await chromium.executablePath();
