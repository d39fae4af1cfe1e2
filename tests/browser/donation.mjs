// A whole donation in two tabs, with the server killed in the middle.
//
//   node donation.mjs PLAYWRIGHT ES-SERVE STORE APP OUTBOX SCREENSHOTS
//
// Prints a line for each step; exits 1 at the first that is not as it should be.

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [playwright, serve, store, app, outbox, shots] = process.argv.slice(2);
const { chromium } = createRequire(join(playwright, 'x.js'))('playwright-core');
mkdirSync(shots, { recursive: true });

const step = (text) => console.log(text);
const must = (yes, text) => {
  if (!yes) throw new Error(text);
};

let server;
function start(port) {
  return new Promise((resolve, reject) => {
    server = spawn(serve, ['-s', store, '-l', `127.0.0.1:${port}`, app], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    server.once('exit', (code) => reject(new Error(`es-serve ended: ${code}`)));
    server.stdout.once('data', (line) => resolve(String(line).trim()));
  });
}

// Killed as by an accident: no stream is ended, nothing is put away.
function kill() {
  return new Promise((resolve) => {
    server.removeAllListeners('exit');
    server.once('exit', resolve);
    server.kill('SIGKILL');
  });
}

const evil = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

async function tab(width, height, scheme) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on('pageerror', (error) => { throw error; });
  page.on('console', (message) => {
    // The tabs may say that the server is away while it is.
    if (message.type() === 'error' && /Content Security Policy|Refused to/.test(message.text()))
      throw new Error(message.text());
  });
  return page;
}

async function shot(page, name) {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

try {
  const url = await start(0);
  const base = new URL(url).origin;
  const port = new URL(url).port;
  const desktop = await tab(1200, 900, 'light');
  const phone = await tab(390, 844, 'dark');

  step('both tabs look at the campaigns');
  await desktop.goto(url);
  must(!desktop.url().includes('token='), 'the token stays in the address bar');
  await phone.goto(base + '/');

  step('a campaign is made in one tab and seen in the other');
  await desktop.getByLabel('What is it for?').fill('New roof');
  await desktop.getByRole('button', { name: 'Create' }).click();
  await phone.getByRole('heading', { name: 'New roof' }).waitFor();
  await desktop.getByRole('heading', { name: 'New roof' }).waitFor();

  step('a name that is code stays text');
  await desktop.getByLabel('What is it for?').fill(evil);
  await desktop.getByRole('button', { name: 'Create' }).click();
  await phone.getByRole('heading', { name: evil }).waitFor();

  step('a fault is told beside its field');
  await desktop.getByLabel('What is it for?').fill('x'.repeat(200));
  await desktop.getByRole('button', { name: 'Create' }).click();
  await desktop.locator('[data-es-error="name"]', { hasText: /80/ }).waitFor();
  await desktop.getByLabel('What is it for?').fill('');

  await shot(desktop, 'campaigns-desktop');
  await shot(phone, 'campaigns-phone');

  step('a donation begins');
  await desktop.locator('li', { hasText: 'New roof' })
    .getByRole('button', { name: 'Donate' }).click();
  await desktop.waitForURL(/\/[0-9a-f-]{36}\/[0-9a-f-]{36}$/);
  await phone.goto(desktop.url());
  await phone.getByRole('button', { name: '€ 10' }).waitFor();
  await shot(phone, 'amount-phone');

  step('the amount, chosen on the phone, is seen on the desktop');
  await phone.getByRole('button', { name: '€ 10' }).click();
  await desktop.getByLabel('Your name').waitFor();
  await phone.getByLabel('Your name').waitFor();

  step('what is being typed in one tab survives news from the other');
  await phone.getByLabel('Your name').fill('half a na');
  await desktop.getByLabel('Your name').fill('x'.repeat(81));
  await desktop.getByLabel('Your email address').fill('ada@example.org');
  await desktop.getByRole('button', { name: 'Continue' }).click();
  await desktop.locator('[data-es-error="name"]', { hasText: /80/ }).waitFor();
  await desktop.getByLabel('Your name').fill(evil);
  must(await phone.getByLabel('Your name').inputValue() === 'half a na',
    'the other tab lost what was typed');
  await desktop.getByRole('button', { name: 'Continue' }).click();
  await desktop.getByLabel('Code from the email').waitFor();
  await phone.getByLabel('Code from the email').waitFor();
  await shot(desktop, 'email-desktop');

  step('the server is killed and started again; both tabs go on');
  await kill();
  await start(port);
  const mail = readdirSync(outbox).map((name) => readFileSync(join(outbox, name), 'utf8'))
    .find((text) => text.includes('ada@example.org'));
  const token = /^X-Token: (.*)$/m.exec(mail)[1];

  step('a wrong code is refused, with its reason');
  await desktop.getByLabel('Code from the email').fill('wrong');
  await desktop.getByRole('button', { name: 'Verify' }).click();
  await desktop.locator('.es-outcome', { hasText: 'this is not the code that we mailed' }).waitFor();

  step('the right one is taken');
  await desktop.getByLabel('Code from the email').fill(token);
  await desktop.getByRole('button', { name: 'Verify' }).click();
  await phone.getByRole('button', { name: 'Pay € 10' }).waitFor();
  await phone.getByText('You give € 10').waitFor();
  await desktop.getByText('You give € 10').waitFor();
  must(!await phone.getByText('look again').isVisible(),
    'what is for those without a script is shown to others');

  step('the payment');
  await phone.getByRole('button', { name: 'Pay € 10' }).click();
  await desktop.getByText(/thank you/i).first().waitFor();
  await phone.getByText(/thank you/i).first().waitFor();
  await shot(desktop, 'thanks-desktop');
  await shot(phone, 'thanks-phone');

  step('neither address nor code is on the page');
  for (const page of [desktop, phone]) {
    const html = await page.content();
    must(!html.includes('ada@example.org'), 'the address is on the page');
    must(!html.includes(token), 'the code is on the page');
  }

  step('the totals have it');
  await phone.goto(base + '/');
  await phone.locator('li', { hasText: 'New roof' }).getByText('€ 10').first().waitFor();

  step('nothing was run that came as text');
  for (const page of [desktop, phone])
    must(await page.evaluate(() => window.pwned) === undefined, 'text became code');
  console.log('done');
} catch (error) {
  console.log(`failed: ${error.stack || error}`);
  for (const context of browser.contexts())
    for (const [i, page] of context.pages().entries())
      await shot(page, `failed-${browser.contexts().indexOf(context)}-${i}`).catch(() => {});
  process.exitCode = 1;
} finally {
  await browser.close();
  if (server) {
    server.removeAllListeners('exit');
    server.kill('SIGTERM');
  }
}
