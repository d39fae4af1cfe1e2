// Pages as they look, wide and on a phone.
//
//   node shots.mjs PLAYWRIGHT SCREENSHOTS NAME=URL...
//
// Leaves NAME-wide.png and NAME-phone.png.  Exits 1 when a page has an error in
// its console, or is wider than its window.

import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [playwright, shots, ...pages] = process.argv.slice(2);
const { chromium } = createRequire(join(playwright, 'x.js'))('playwright-core');
mkdirSync(shots, { recursive: true });

const sizes = [['wide', 1200, 900, 'light'], ['phone', 390, 844, 'dark']];
const faults = [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

async function look(name, url, [size, width, height, colorScheme]) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const fault = (text) => faults.push(`${name} (${size}): ${text}`);
  page.on('pageerror', (error) => fault(error.message));
  page.on('console', (message) => {
    // A page that is not there is asked for on purpose.
    if (message.type() === 'error' && !message.text().includes('404'))
      fault(message.text());
  });
  await page.goto(url);
  await page.locator('main').waitFor();
  const over = await page.evaluate(() =>
    document.documentElement.scrollWidth - innerWidth);
  if (over > 0)
    fault(`${over} pixels wider than the window`);
  await page.screenshot({ path: join(shots, `${name}-${size}.png`), fullPage: true });
  await context.close();
}

try {
  for (const page of pages) {
    const at = page.indexOf('=');
    for (const size of sizes)
      await look(page.slice(0, at), page.slice(at + 1), size);
  }
} finally {
  await browser.close();
}
for (const fault of faults)
  console.log(fault);
console.log(faults.length ? 'failed' : 'done');
process.exitCode = faults.length ? 1 : 0;
