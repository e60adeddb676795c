"""The languages of ISO 639-1: codes and names, and further codes of multilingual checkpoints."""

from __future__ import annotations

# Two letters | three (ISO 639-2/3; those of NLLB among them) | English and own names | Chinese
_TABLE = """
aa|aar|afar|阿法尔语
ab|abk|abkhaz,abkhazian|阿布哈兹语
ae|ave|avestan|阿维斯陀语
af|afr|afrikaans|南非荷兰语
ak|aka|akan|阿坎语
am|amh|amharic|阿姆哈拉语
an|arg|aragonese|阿拉贡语
ar|arb,ara|arabic|阿拉伯语
as|asm|assamese|阿萨姆语
av|ava|avar,avaric|阿瓦尔语
ay|ayr,aym|aymara|艾马拉语
az|azj,aze|azerbaijani|阿塞拜疆语
ba|bak|bashkir|巴什基尔语
be|bel|belarusian,belarussian|白俄罗斯语
bg|bul|bulgarian|保加利亚语
bi|bis|bislama|比斯拉马语
bm|bam|bambara|班巴拉语
bn|ben|bengali,bangla|孟加拉语
bo|bod,tib|tibetan|藏语
br|bre|breton|布列塔尼语
bs|bos|bosnian|波斯尼亚语
ca|cat|catalan|加泰罗尼亚语
ce|che|chechen|车臣语
ch|cha|chamorro|查莫罗语
co|cos|corsican|科西嘉语
cr|cre|cree|克里语
cs|ces,cze|czech|捷克语
cu|chu|church slavonic,church slavic|教会斯拉夫语
cv|chv|chuvash|楚瓦什语
cy|cym,wel|welsh|威尔士语
da|dan|danish|丹麦语
de|deu,ger|german,deutsch|德语
dv|div|divehi,dhivehi,maldivian|迪维希语
dz|dzo|dzongkha|宗喀语
ee|ewe||埃维语
el|ell,gre|greek|希腊语
en|eng|english|英语
eo|epo|esperanto|世界语
es|spa|spanish,español,castilian|西班牙语
et|est,ekk|estonian|爱沙尼亚语
eu|eus,baq|basque|巴斯克语
fa|pes,fas,per|persian,farsi|波斯语
ff|fuv,ful|fula,fulah|富拉语
fi|fin|finnish,suomi|芬兰语
fj|fij|fijian|斐济语
fo|fao|faroese|法罗语
fr|fra,fre|french,français|法语
fy|fry|frisian,western frisian,west frisian|弗里西语
ga|gle|irish|爱尔兰语
gd|gla|scottish gaelic,gaelic|苏格兰盖尔语
gl|glg|galician|加利西亚语
gn|grn|guarani|瓜拉尼语
gu|guj|gujarati|古吉拉特语
gv|glv|manx|马恩语
ha|hau|hausa|豪萨语
he|heb|hebrew|希伯来语
hi|hin|hindi|印地语
ho|hmo|hiri motu|希里莫图语
hr|hrv|croatian|克罗地亚语
ht|hat|haitian,haitian creole|海地克里奥尔语
hu|hun|hungarian,magyar|匈牙利语
hy|hye,arm|armenian|亚美尼亚语
hz|her|herero|赫雷罗语
ia|ina|interlingua|国际语
id|ind|indonesian|印度尼西亚语,印尼语
ie|ile|interlingue|西方国际语
ig|ibo|igbo|伊博语
ii|iii|nuosu,sichuan yi|彝语
ik|ipk|inupiaq|伊努皮克语
io|ido||伊多语
is|isl,ice|icelandic|冰岛语
it|ita|italian,italiano|意大利语
iu|iku|inuktitut|因纽特语
ja|jpn|japanese|日语,日本語
jv|jav|javanese|爪哇语
ka|kat,geo|georgian|格鲁吉亚语
kg|kon|kongo|刚果语
ki|kik|kikuyu|基库尤语
kj|kua|kuanyama,kwanyama|宽亚玛语
kk|kaz|kazakh|哈萨克语
kl|kal|kalaallisut,greenlandic|格陵兰语
km|khm|khmer,cambodian|高棉语,柬埔寨语
kn|kan|kannada|卡纳达语
ko|kor|korean|韩语,朝鲜语,한국어
kr|knc,kau|kanuri|卡努里语
ks|kas|kashmiri|克什米尔语
ku|kmr,kur|kurdish,kurmanji|库尔德语
kv|kom|komi|科米语
kw|cor|cornish|康沃尔语
ky|kir|kyrgyz,kirghiz|吉尔吉斯语,柯尔克孜语
la|lat|latin|拉丁语
lb|ltz|luxembourgish|卢森堡语
lg|lug|ganda,luganda|卢干达语
li|lim|limburgish,limburgan|林堡语
ln|lin|lingala|林加拉语
lo|lao|laotian|老挝语
lt|lit|lithuanian|立陶宛语
lu|lub|luba-katanga|卢巴语
lv|lvs,lav|latvian|拉脱维亚语
mg|plt,mlg|malagasy|马达加斯加语,马尔加什语
mh|mah|marshallese|马绍尔语
mi|mri,mao|maori,māori|毛利语
mk|mkd,mac|macedonian|马其顿语
ml|mal|malayalam|马拉雅拉姆语
mn|khk,mon|mongolian|蒙古语,蒙语
mr|mar|marathi|马拉地语
ms|zsm,msa,may|malay|马来语
mt|mlt|maltese|马耳他语
my|mya,bur|burmese,myanmar|缅甸语
na|nau|nauru,nauruan|瑙鲁语
nb|nob|bokmål,bokmal,norwegian bokmål|书面挪威语
nd|nde|north ndebele,northern ndebele|北恩德贝莱语
ne|npi,nep|nepali|尼泊尔语
ng|ndo|ndonga|恩敦加语
nl|nld,dut|dutch,flemish|荷兰语
nn|nno|nynorsk,norwegian nynorsk|新挪威语
no|nor|norwegian|挪威语
nr|nbl|south ndebele,southern ndebele|南恩德贝莱语
nv|nav|navajo|纳瓦霍语
ny|nya|chichewa,nyanja,chewa|齐切瓦语
oc|oci|occitan|奥克语
oj|oji|ojibwe,ojibwa|奥吉布瓦语
om|gaz,orm|oromo|奥罗莫语
or|ory,ori|odia,oriya|奥里亚语
os|oss|ossetian,ossetic|奥塞梯语
pa|pan|punjabi,panjabi|旁遮普语
pi|pli|pali|巴利语
pl|pol|polish|波兰语
ps|pbt,pus|pashto|普什图语
pt|por|portuguese,português|葡萄牙语
qu|quy,que|quechua|克丘亚语
rm|roh|romansh|罗曼什语
rn|run|kirundi,rundi|隆迪语
ro|ron,rum|romanian,moldavian|罗马尼亚语
ru|rus|russian,русский|俄语
rw|kin|kinyarwanda|卢旺达语
sa|san|sanskrit|梵语
sc|srd|sardinian|撒丁语
sd|snd|sindhi|信德语
se|sme|northern sami,north sami|北萨米语
sg|sag|sango|桑戈语
si|sin|sinhala,sinhalese|僧伽罗语
sk|slk,slo|slovak|斯洛伐克语
sl|slv|slovenian,slovene|斯洛文尼亚语
sm|smo|samoan|萨摩亚语
sn|sna|shona|绍纳语
so|som|somali|索马里语
sq|als,sqi,alb|albanian|阿尔巴尼亚语
sr|srp|serbian|塞尔维亚语
ss|ssw|swati,swazi|斯瓦蒂语
st|sot|southern sotho,sesotho|塞索托语
su|sun|sundanese|巽他语
sv|swe|swedish|瑞典语
sw|swh,swa|swahili,kiswahili|斯瓦希里语
ta|tam|tamil|泰米尔语
te|tel|telugu|泰卢固语
tg|tgk|tajik|塔吉克语
th|tha|thai|泰语
ti|tir|tigrinya|提格里尼亚语
tk|tuk|turkmen|土库曼语
tl|tgl,fil|tagalog,filipino|他加禄语,菲律宾语
tn|tsn|tswana,setswana|茨瓦纳语
to|ton|tongan|汤加语
tr|tur|turkish|土耳其语
ts|tso|tsonga|聪加语
tt|tat|tatar|鞑靼语
tw|twi||契维语
ty|tah|tahitian|塔希提语
ug|uig|uyghur,uighur|维吾尔语,维语
uk|ukr|ukrainian|乌克兰语
ur|urd|urdu|乌尔都语
uz|uzn,uzb|uzbek|乌兹别克语
ve|ven|venda|文达语
vi|vie|vietnamese|越南语,越语
vo|vol|volapük,volapuk|沃拉普克语
wa|wln|walloon|瓦隆语
wo|wol|wolof|沃洛夫语
xh|xho|xhosa,isixhosa|科萨语
yi|ydd,yid|yiddish|意第绪语
yo|yor|yoruba|约鲁巴语
za|zha|zhuang|壮语
zh|zho,cmn,chi|chinese,mandarin,traditional chinese,simplified chinese|\
中文,汉语,华语,普通话,简体中文,繁体中文,繁體中文
zu|zul|zulu,isizulu|祖鲁语
"""
_FURTHER = """
ace acm acq aeb ajp apc ars ary arz ast awa azb ban bem bho bjn bug ceb cjk ckb crh dik dyu
fon fur hne ilo kab kac kam kbp kea kmb lij lmo ltg lua luo lus mag mai min mni mos nso nus
pag pap prs sat scn shn szl taq tpi tum tzm umb vec war yue
"""


def _read() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    languages = {}
    for line in _TABLE.strip().splitlines():
        code, codes, names, chinese = (part.split(",") for part in line.split("|"))
        # 德语 is called 德文 as well.
        writings = [name[:-1] + "文" for name in chinese if name.endswith("语")]
        languages[code[0]] = tuple(codes), (*filter(None, names), *chinese, *writings)
    return languages


# Code of two letters -> codes of three letters, and names in small letters.
LANGUAGES = _read()
# Of NLLB and M2M100. Nothing is guessed from them: columns may be called min, war or bug.
FURTHER = frozenset(_FURTHER.split())
