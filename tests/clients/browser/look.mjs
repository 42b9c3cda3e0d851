// Open a page that is a widget, and print what it says: `node look.mjs PAGE [OPTION OF CHROMIUM]…`.
//
// https://github.com/Sparticuz/chromium brings the browser, https://pptr.dev drives it.


process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs20.x"; // so that it brings its libraries, too
const { default: chromium } = await import("@sparticuz/chromium");
const { default: puppeteer } = await import("puppeteer-core");

const [page, ...options] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  headless: "shell",
  args: ["--no-sandbox", "--no-zygote", "--disable-gpu", "--no-proxy-server", ...options],
});
const tab = await browser.newPage();
tab.on("console", (message) => console.log(message.text()));
await tab.goto(page);
await tab.waitForFunction("document.title");
console.log(await tab.title());
await browser.close();
