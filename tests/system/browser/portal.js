/*
 * A visit to the portal with Chromium: opens the site, logs on, looks at a
 * page of 200 resources, and prints what it saw as JSON.
 *
 * portal.js SETTINGS, a JSON object: driver (folder of playwright-core),
 * program (the browser), home, profile (folders), origin, rules (for host
 * names).  Exits with 1 when the visit cannot be made.
 */
"use strict";

const settings = JSON.parse(process.argv[2]);
const { chromium } = require(settings.driver);

const FLAGS = [
	"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
	"--no-first-run", "--disable-background-networking",
	"--disable-component-update", "--disable-sync",
	"--disable-default-apps", "--disable-dev-shm-usage",
	"--no-proxy-server",
	`--host-resolver-rules=${settings.rules}`,
];

function watch(page, seen) {
	page.on("console", (message) => {
		if (["error", "warning"].includes(message.type()))
			seen.complaints.push(message.text());
	});
	page.on("pageerror", (error) => seen.complaints.push(String(error)));
	page.on("requestfailed", (request) => seen.failed.push(
	    `${request.url()}: ${request.failure().errorText}`));
	page.on("response", (response) => {
		seen.responses.push([response.status(), response.url()]);
	});
}

async function logOn(page, seen) {
	const first = await page.goto(settings.origin + "/");
	seen.certificate = await first.securityDetails();
	seen.logonUrl = page.url();
	await page.fill("input[name=j_user]", "ann");
	await page.fill("input[name=j_password]", "portal");
	await page.click("button");
	await page.waitForSelector("#user");
	seen.portalUrl = page.url();
	seen.user = await page.textContent("#user");
	seen.clientCertificate = await page.textContent("#certificate");
	seen.secureContext = await page.evaluate(() => window.isSecureContext);
	seen.scriptRan = await page.evaluate(() => document.scriptRan === true);
	seen.headers = await page.$$eval("#headers tr", (rows) => rows.map(
	    (row) => [row.cells[0].textContent, row.cells[1].textContent]));
}

async function visit() {
	const seen = { complaints: [], failed: [], responses: [] };
	const context = await chromium.launchPersistentContext(
	    settings.profile, {
		executablePath: settings.program,
		args: FLAGS,
		env: { ...process.env, HOME: settings.home },
		timeout: 60000,
	});
	try {
		context.setDefaultTimeout(20000);
		const page = await context.newPage();
		watch(page, seen);
		await logOn(page, seen);
		await page.reload();
		seen.visits = await page.textContent("#visits");
		await page.goto(settings.origin + "/irj/resources.jsp");
		seen.images = await page.$$eval("img", (images) =>
		    images.filter((i) => i.complete && i.naturalWidth).length);
		seen.cookies = await context.cookies();
	} finally {
		await context.close();
	}
	return seen;
}

visit().then(
	(seen) => console.log(JSON.stringify(seen)),
	(error) => {
		console.error(error);
		process.exit(1);
	});
